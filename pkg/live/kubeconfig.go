package live

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// A Kubeconfig says how clusters are reached.
type Kubeconfig struct {
	// files names what was read, for errors.
	files  string
	config *api.Config
	// missing is whether none of the files is there.
	missing bool
}

// Open reads a kubeconfig: the file at path, or with "" those that KUBECONFIG
// names, or else the usual one in the home folder. Where none is there, it has
// no contexts. An error names the file that cannot be read, and nothing that
// stands in it.
func Open(path string) (*Kubeconfig, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	rules.MigrationRules = nil // which would write to the home folder
	rules.WarnIfAllMissing = false
	files := rules.GetLoadingPrecedence()
	if path != "" {
		files = []string{path}
	}
	config, err := rules.Load()
	if err != nil {
		return nil, unreadable(files)
	}
	return &Kubeconfig{strings.Join(files, ", "), config, !slices.ContainsFunc(files, exists)}, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// unreadable names the file that is at fault.
func unreadable(files []string) error {
	for _, file := range files {
		_, err := clientcmd.LoadFromFile(file)
		var path *fs.PathError
		switch {
		case errors.As(err, &path):
			return fmt.Errorf("the kubeconfig cannot be read: %w", path)
		case err != nil:
			return fmt.Errorf("%s is no kubeconfig that can be read: `kubectl config view --kubeconfig %s` says what is wrong with it", file, file)
		}
	}
	return fmt.Errorf("the kubeconfig (%s) cannot be read", strings.Join(files, ", "))
}

// Contexts lists the contexts, in order of their names.
func (k *Kubeconfig) Contexts() []string { return slices.Sorted(maps.Keys(k.config.Contexts)) }

// HasContexts says which contexts the kubeconfig has, for errors.
func (k *Kubeconfig) HasContexts() string {
	const most = 20
	names := k.Contexts()
	switch n := len(names); {
	case k.missing:
		return fmt.Sprintf("there is no kubeconfig at %s: set KUBECONFIG, or give --kubeconfig", k.files)
	case n == 0:
		return fmt.Sprintf("the kubeconfig (%s) has no contexts", k.files)
	case n > most:
		return fmt.Sprintf("the kubeconfig (%s) has %s and %d more", k.files, strings.Join(names[:most], ", "), n-most)
	}
	return fmt.Sprintf("the kubeconfig (%s) has %s", k.files, strings.Join(names, ", "))
}

// A place is where something was read, for errors: a context and its server.
type place struct{ context, server string }

func (p place) String() string {
	if p.server == "" {
		return "context " + p.context
	}
	return fmt.Sprintf("context %s (%s)", p.context, p.server)
}

// place returns the place of a context, with the host of its server alone: the
// rest of an address may hold a password.
func (k *Kubeconfig) place(context string) place {
	p := place{context: context}
	if c := k.config.Contexts[context]; c != nil {
		if server := k.config.Clusters[c.Cluster]; server != nil {
			if u, err := url.Parse(server.Server); err == nil {
				p.server = u.Host
			}
		}
	}
	return p
}

// A cluster is one that can be asked. It is for one goroutine.
type cluster struct {
	place
	metadata metadata.Interface
	objects  dynamic.Interface
	raw      rest.Interface
	config   *rest.Config
	// resources holds what has been asked of the kinds of a version.
	resources map[string]map[string]resource
}

// connect gets ready to ask the cluster of a context. Nothing is sent yet.
func (k *Kubeconfig) connect(context string) (*cluster, error) {
	if k.config.Contexts[context] == nil {
		why := k.HasContexts()
		if !k.missing {
			why = "there is no such context: " + why
		}
		return nil, &Error{whole: true, is: ErrSetup, text: fmt.Sprintf("context %s: %s", context, why)}
	}
	c := &cluster{place: k.place(context), resources: map[string]map[string]resource{}}
	config, err := clientcmd.NewNonInteractiveClientConfig(*k.config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, c.unusable()
	}
	config.UserAgent = "ringplan"
	config.QPS = -1 // few requests are made, one after the other
	config.WarningHandler = rest.NoWarnings{}
	c.config = config
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, c.unusable()
	}
	if c.metadata, err = metadata.NewForConfigAndClient(config, client); err != nil {
		return nil, c.unusable()
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, c.unusable()
	}
	c.objects = objects
	plain := dynamic.ConfigFor(config)
	plain.GroupVersion = nil
	if c.raw, err = rest.UnversionedRESTClientForConfigAndClient(plain, client); err != nil {
		return nil, c.unusable()
	}
	return c, nil
}

// unusable is the error of a context that lacks something: a file of a
// certificate, a cluster or a user.
func (c *cluster) unusable() error {
	return &Error{whole: true, is: ErrSetup, text: fmt.Sprintf("%s: its cluster, user or certificates in the kubeconfig cannot be used: `kubectl --context %s version` says why", c.place, c.context)}
}
