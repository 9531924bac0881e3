/** A certificate to be made. */
export interface FieldCertificate {
  readonly names: readonly string[];
  readonly usages?: readonly ('server' | 'client')[];
  /** The peers' CA where not given; an intermediate one is signed by it, and stands in the file behind the certificate unless left out. */
  readonly by?: 'another CA' | 'an intermediate CA' | 'an intermediate CA that is left out';
  readonly dates?: 'past' | 'future';
}

/** A fourth member that joins three, on machines of their own. */
export interface FieldCase {
  /** The three members' addresses; their one certificate names them and nobody else. */
  readonly cluster: 'ipv4' | 'ipv6';
  readonly peerUrl: string;
  /** What the new member starts with. */
  readonly certificate: FieldCertificate | 'the shared one';
  /** Whether its file is handed to `/etcd add`; otherwise the bot expects what all members share. */
  readonly handedOver: 'yes' | 'no';
  /** The members' one certificate is exchanged first for one that names these too. */
  readonly sharedNames?: readonly string[];
  /** Where the new machine's connections really come from. */
  readonly comesFrom?: string;
  /** The bot reaches neither port of the new machine. */
  readonly botIs?: 'cut off';
}

/** What the bot foresaw, what etcd then did, and what the bot then said. */
export interface FieldResult {
  readonly checks: readonly { readonly name: string; readonly status: string; readonly seen: string }[];
  /** `zombie`: it runs, replicates and is in the list by its name, and no member has a connection to it. */
  readonly outcome: 'joins' | 'exits' | 'zombie';
  readonly exitCode: number | null;
  /** What the new member logged, and what the three did meanwhile. */
  readonly newLog: string;
  readonly oldLog: string;
  /** The steps of the change that were done. */
  readonly done: readonly string[];
  /** What the change came to: the reason to wait, or why it gave up. */
  readonly said: string;
  /** How the member stands in the list at the end: a voter only where the bot promoted it. */
  readonly listed: { readonly name: string; readonly isLearner: boolean };
}
