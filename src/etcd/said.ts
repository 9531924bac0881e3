/** What a driver said, without what only its authors can use: grpc-js tells of its timers, its resolver and its load balancer. */
export function plainlySaid(said: string): string {
  return said
    .replace(
      /,\s*(?:name resolution: |metadata filters|time to current attempt|LB pick|Waiting for |remote_addr=).*$/s,
      '',
    )
    .replace(/No connection established\. Last error: (?:Error: )?/, '');
}
