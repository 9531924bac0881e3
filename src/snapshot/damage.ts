/** A snapshot that is not whole, or not what was written: why, as a sentence without its full stop. */
export class Damage extends Error {
  override readonly name = 'Damage';
}
