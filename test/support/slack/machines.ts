/** How a machine is, for its dot on the page. */
export type MachineMood = 'off' | 'on' | 'bad';

/** What one sees of a machine; `says` is a line of its own, such as the last one of its log. */
export type MachineState = { readonly mood: MachineMood; readonly text: string; readonly says?: string };

/** One button: it does something to the machine, or puts a text into the message box for whoever wants to send it. */
export type MachineAct = { readonly id: string; readonly title: string; readonly hint: string } & (
  | { run(): Promise<void> }
  | { readonly puts: string }
);

/** Something beside the workspace that whoever is at the page may handle: handed in whole, the workspace knows nothing of it. */
export type Machine = {
  readonly name: string;
  /** A few words, such as its address. */
  readonly about: string;
  /** In the order of the buttons. */
  readonly acts: readonly MachineAct[];
  /** As it is at this moment. */
  state(): MachineState;
};

/** A machine as the page gets it. */
export type ShownMachine = MachineState & {
  readonly name: string;
  readonly about: string;
  /** The act that is under way. */
  readonly doing: string | null;
  readonly trouble: string | null;
  readonly acts: readonly {
    readonly id: string;
    readonly title: string;
    readonly hint: string;
    readonly puts?: string;
  }[];
};

/** How often a machine is looked at: it ends by itself, and nobody tells. */
const lookEveryMs = 300;

/** The machines of the page. One does one thing at a time. */
export class Machines {
  readonly #machines = new Map<string, Machine>();
  readonly #doing = new Map<string, string>();
  readonly #troubles = new Map<string, string>();
  readonly #changed: () => void;
  #looking: NodeJS.Timeout | undefined;
  #last = '';

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  add(machine: Machine): void {
    this.#machines.set(machine.name, machine);
    this.#looking ??= setInterval(() => this.#look(), lookEveryMs);
    this.#looking.unref();
    this.#look();
  }

  shown(): ShownMachine[] {
    return [...this.#machines.values()].map((machine) => ({
      name: machine.name,
      about: machine.about,
      ...machine.state(),
      doing: this.#doing.get(machine.name) ?? null,
      trouble: this.#troubles.get(machine.name) ?? null,
      acts: machine.acts.map(({ id, title, hint, ...rest }) => ({
        id,
        title,
        hint,
        ...('puts' in rest ? { puts: rest.puts } : {}),
      })),
    }));
  }

  /** @throws Error for what no machine can do, and while it does something else */
  async run(name: string, actId: string): Promise<void> {
    const act = this.#machines.get(name)?.acts.find(({ id }) => id === actId);
    if (act === undefined || !('run' in act)) throw new Error(`no machine ${name} can ${actId}`);
    if (this.#doing.has(name)) throw new Error(`${name} is busy`);
    this.#doing.set(name, actId);
    this.#troubles.delete(name);
    this.#look();
    try {
      await act.run();
    } catch (error) {
      this.#troubles.set(name, error instanceof Error ? error.message : 'failed');
    } finally {
      this.#doing.delete(name);
      this.#look();
    }
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  #look(): void {
    const now = JSON.stringify(this.shown());
    if (now === this.#last) return;
    this.#last = now;
    this.#changed();
  }
}
