/** What to do about a container that waits and never ran, by the kubelet's reason (pkg/kubelet/images, kuberuntime). */
export function waitingAdvice(reason: string | undefined): string {
  switch (reason) {
    case 'ImagePullBackOff':
    case 'ErrImagePull':
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
    case 'ImageInspectError':
    case 'RegistryUnavailable':
      return 'Check the image’s name and tag, and the pull secret of the registry.';
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
      return 'Create or correct what the message names: a secret, a config map, a volume.';
    case 'RunContainerError':
    case 'CrashLoopBackOff':
      return 'Check the command that it is to run, and what it mounts.';
    case 'ContainerCreating':
    case 'PodInitializing':
      return 'Wait for its volumes and init containers; the events tell what they wait for.';
    default:
      return 'Look at its events: kubectl describe pod.';
  }
}
