import { opensslCommands, opensslConfig } from '../etcd/certificate-request.ts';
import { refusedName } from '../etcd/certificate-trouble.ts';
import { describeCertificate, namesCover } from '../etcd/certificates.ts';
import { addressOf } from '../etcd/endpoint.ts';
import { showServerCertificate } from '../etcd/etcdctl.ts';
import type { Trouble } from '../etcd/trouble.ts';
import type { Section } from '../report/report.ts';
import { listed } from '../report/text.ts';
import type { ApiCertificates } from './cluster.ts';

/** An address at which an API server is asked, and that its certificate does not name. */
type Lacking = { readonly url: string; readonly host: string; readonly names: readonly string[] };

/** Where the certificate of an API server does not hold the address that it was met at; or is signed by another CA than the kubeconfig trusts. */
export function apiCertificateTroubles(api: ApiCertificates, name: string): Trouble[] {
  const asked = api.presented[0]?.url;
  const named = lackingOf(api).map(({ url, host, names }): Trouble => {
    const isAsked = url === asked;
    return {
      severity: isAsked && api.isVerified ? 'critical' : 'warning',
      grade: 'fact',
      claim: `The certificate of ${name}’s API server at ${url} lacks ${host}, where it is asked: "${refusedName(names, host)}".`,
      evidence: `${url}: ${describeOf(api, url)}${api.isVerified ? '' : ' The kubeconfig of the bot says insecure-skip-tls-verify.'}`,
      impact: `Whoever asks ${name} at ${host} and verifies is refused${isAsked && api.isVerified ? ', the bot too' : ''}. Those who ask at one of its names are not.`,
      advice: `Ask it at one of its names (${listed(names.slice(0, 4), 'or') || 'it has none'}), or make the certificate anew with ${host} in it: the commands are below.`,
      command: showServerCertificate(url),
      short: `the API server’s certificate lacks ${host}`,
      cause: 'api-server-certificate-name',
    };
  });
  const foreign = api.presented
    .filter(({ probe }) => /UNABLE|SELF_SIGNED|SIGNATURE|self.signed|unable/.test(probe.authorizationError))
    .map(
      ({ url, probe }): Trouble => ({
        severity: api.isVerified ? 'critical' : 'warning',
        grade: 'fact',
        claim: `The certificate of ${name}’s API server at ${url} is signed by ${probe.chain[0]?.issuer || 'nobody named'}, which the kubeconfig does not trust.`,
        evidence: `${url}: ${describeOf(api, url)}`,
        impact: api.isVerified ? 'The bot is not let in there; others with the right CA may be.' : '',
        advice: 'Put the CA that signs it now into certificate-authority-data of the kubeconfig.',
        command: showServerCertificate(url),
        short: 'the API server’s CA is not the kubeconfig’s',
        cause: 'api-server-certificate-issuer',
      }),
    );
  return [...named, ...foreign];
}

function describeOf(api: ApiCertificates, url: string): string {
  const leaf = api.presented.find((one) => one.url === url)?.probe.chain[0];
  return leaf === undefined ? '' : describeCertificate(leaf);
}

function lackingOf({ presented, serverName }: ApiCertificates): Lacking[] {
  return presented.flatMap(({ url, probe }) => {
    const [leaf] = probe.chain;
    const host = serverName ?? addressOf(url).host;
    return leaf === undefined || namesCover(leaf.names, host, 'go') ? [] : [{ url, host, names: leaf.names }];
  });
}

/** The files of an API server where kubeadm puts them. */
const pki = '/etc/kubernetes/pki';

/**
 * How the certificate is made anew with what it lacks: by kubeadm, and by openssl. All of today's names go in as well, for kubeadm
 * leaves out those that are its configuration's only (a load balancer, another service network).
 */
export function apiCertificateSections(api: ApiCertificates, name: string): Section[] {
  const lacking = lackingOf(api);
  if (lacking.length === 0) return [];
  const names = [...new Set([...lacking.flatMap((one) => one.names), ...lacking.map(({ host }) => host)])];
  return [
    {
      kind: 'code',
      title: `With kubeadm, on each control-plane node of ${name}, one after the other`,
      text: [
        '# kubeadm keeps a certificate that is there: the old one goes first.',
        `mkdir -p /root/old-pki && mv ${pki}/apiserver.crt ${pki}/apiserver.key /root/old-pki/`,
        `kubeadm init phase certs apiserver --apiserver-cert-extra-sans ${names.join(',')}`,
        `openssl x509 -in ${pki}/apiserver.crt -noout -ext subjectAltName`,
        '# The kubelet starts it again at once:',
        'crictl stop $(crictl ps --name kube-apiserver -q)',
        '# So that nodes that join later have it too, under apiServer.certSANs:',
        'kubectl -n kube-system edit configmap kubeadm-config',
      ].join('\n'),
    },
    {
      more: true,
      kind: 'code',
      title: 'apiserver.cnf (openssl)',
      text: opensslConfig('kube-apiserver', names, 'serverAuth'),
    },
    {
      more: true,
      kind: 'code',
      title: 'With openssl',
      text: opensslCommands('apiserver', `${pki}/ca`),
    },
  ];
}
