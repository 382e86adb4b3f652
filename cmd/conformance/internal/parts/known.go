package parts

// The programs of a run, in the versions that are known to fit each other.
var (
	// Kube is the API server and the controller manager in one program, which
	// is the one that its first argument names.
	Kube = Part{
		Name: "kube", Module: "k8s.io/kubernetes", Version: "v1.36.3",
		Replace: map[string]string{"k8s.io/": "v0.36.3"},
		Flags:   "-X k8s.io/component-base/version.gitVersion=v1.36.3",
		Main: `package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	which, make := os.Args[1], map[string]func() *cobra.Command{
		"apiserver":          apiserver.NewAPIServerCommand,
		"controller-manager": manager.NewControllerManagerCommand,
	}
	os.Args = append(os.Args[:1], os.Args[2:]...)
	os.Exit(cli.Run(make[which]()))
}
`,
	}

	// Etcd is Debian's etcd-server where it is installed.
	Etcd = Part{
		Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Version: "v3.7.3", Local: "etcd",
		Main: `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`,
	}

	// Kustomizer is the kustomize-controller of Flux.
	Kustomizer = Part{
		Name: "kustomize-controller", Module: "github.com/fluxcd/kustomize-controller", Version: "v1.9.5",
		Package: "github.com/fluxcd/kustomize-controller",
	}

	// Argo is the whole of Argo CD, which is the component that
	// ARGOCD_BINARY_NAME names.
	Argo = Part{
		Name: "argocd", Module: "github.com/argoproj/argo-cd/v3", Version: "v3.5.7",
		Package: "github.com/argoproj/argo-cd/v3/cmd",
		Replace: map[string]string{
			"github.com/argoproj/argo-cd/gitops-engine": "github.com/argoproj/argo-cd/gitops-engine@v0.0.0-20260914071520-c9c369efcc5b",
		},
	}

	// Kustomize and Helm are run by Argo CD.
	Kustomize = Part{
		Name: "kustomize", Module: "sigs.k8s.io/kustomize/kustomize/v5", Version: "v5.8.1",
		Package: "sigs.k8s.io/kustomize/kustomize/v5",
	}
	Helm = Part{
		Name: "helm", Module: "helm.sh/helm/v3", Version: "v3.22.0",
		Package: "helm.sh/helm/v3/cmd/helm",
	}
)

// All are the programs in the order in which they are built.
var All = []Part{Etcd, Kube, Kustomizer, Argo, Kustomize, Helm}
