package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// client is Helm in the cluster of one release.
type client struct {
	config *action.Configuration
	rest   *rest.Config
}

// client connects to the cluster that a release is for.
func (c *Controller) client(ctx context.Context, namespace string, s *spec) (*client, error) {
	config := rest.CopyConfig(c.hub.Config)
	if s.KubeConfig != nil {
		keys := []string{"value", "value.yaml"}
		if s.KubeConfig.SecretRef.Key != "" {
			keys = []string{s.KubeConfig.SecretRef.Key}
		}
		text, err := dataOf(ctx, c.hub, "Secret", namespace, s.KubeConfig.SecretRef.Name, keys...)
		if err != nil {
			return nil, fmt.Errorf("kubeConfig: %w", err)
		}
		if config, err = clientcmd.RESTConfigFromKubeConfig(text); err != nil {
			return nil, fmt.Errorf("kubeConfig: %w", err)
		}
	}
	config.QPS, config.Burst, config.WarningHandler = 100, 200, rest.NoWarnings{}
	made := &client{config: new(action.Configuration), rest: config}
	getter := getter{rest: config, namespace: s.TargetNamespace}
	return made, made.config.Init(getter, s.StorageNamespace, "secret", func(string, ...any) {})
}

// apply installs a release, or upgrades it if it is there. What the API server would
// not take it refuses by itself; to be told so beforehand takes Helm a long time.
func (c *client) apply(ctx context.Context, s *spec, loaded *chart.Chart, values map[string]any) error {
	last, err := c.config.Releases.Last(s.ReleaseName)
	if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
		return err
	}
	if err := c.unlock(last); err != nil {
		return err
	}
	if err != nil || last.Info.Status == release.StatusUninstalled {
		install := action.NewInstall(c.config)
		install.ReleaseName, install.Namespace = s.ReleaseName, s.TargetNamespace
		install.Timeout, install.Wait, install.WaitForJobs = s.Timeout.Duration, true, true
		install.SkipCRDs, install.PostRenderer = true, renderer{s}
		install.Replace, install.DisableOpenAPIValidation = err == nil, true
		_, err = install.RunWithContext(ctx, loaded, values)
		return err
	}
	upgrade := action.NewUpgrade(c.config)
	upgrade.Namespace, upgrade.Timeout, upgrade.Wait, upgrade.WaitForJobs = s.TargetNamespace, s.Timeout.Duration, true, true
	upgrade.SkipCRDs, upgrade.PostRenderer, upgrade.DisableOpenAPIValidation = true, renderer{s}, true
	_, err = upgrade.RunWithContext(ctx, s.ReleaseName, loaded, values)
	return err
}

// unlock says of a release that was being changed when its cluster went away that
// this has failed, so that it is tried again, as the real controller does.
func (c *client) unlock(last *release.Release) error {
	if last == nil || !last.Info.Status.IsPending() {
		return nil
	}
	last.SetStatus(release.StatusFailed, "it was interrupted")
	return c.config.Releases.Update(last)
}

func (c *client) uninstall(s *spec) error {
	uninstall := action.NewUninstall(c.config)
	uninstall.Timeout, uninstall.Wait, uninstall.IgnoreNotFound = s.Timeout.Duration, true, true
	_, err := uninstall.Run(s.ReleaseName)
	return err
}

// renderer does what the post-renderers of a release say.
type renderer struct{ spec *spec }

// Run changes manifests as a kustomization does.
func (r renderer) Run(manifests *bytes.Buffer) (*bytes.Buffer, error) {
	for _, each := range r.spec.PostRenderers {
		text, err := yaml.Marshal(map[string]any{
			"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": []string{"all.yaml"},
			"patches": each.Kustomize.Patches, "images": each.Kustomize.Images,
		})
		if err != nil {
			return nil, err
		}
		files := filesys.MakeFsInMemory()
		if err := errors.Join(files.WriteFile("kustomization.yaml", text), files.WriteFile("all.yaml", manifests.Bytes())); err != nil {
			return nil, err
		}
		result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
		if err != nil {
			return nil, err
		}
		text, err = result.AsYaml()
		if err != nil {
			return nil, err
		}
		manifests = bytes.NewBuffer(text)
	}
	return manifests, nil
}

// getter is a cluster as Helm wants to be told of it.
type getter struct {
	rest      *rest.Config
	namespace string
}

// ToRESTConfig returns how the cluster is reached.
func (g getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.rest), nil }

// ToDiscoveryClient returns what asks the cluster for its kinds.
func (g getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	found, err := discovery.NewDiscoveryClientForConfig(g.rest)
	if err != nil {
		return nil, err
	}
	return memory.NewMemCacheClient(found), nil
}

// ToRESTMapper returns what finds the resource of a kind.
func (g getter) ToRESTMapper() (meta.RESTMapper, error) {
	found, err := g.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	return restmapper.NewDeferredDiscoveryRESTMapper(found), nil
}

// ToRawKubeConfigLoader returns the namespace; the rest is in ToRESTConfig.
func (g getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{}
	overrides.Context.Namespace = g.namespace
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), overrides)
}
