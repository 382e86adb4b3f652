package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/repo"
)

// Delivery is what a topology says of its engine.
type Delivery struct {
	Engine string // flux or argocd
	By     string // helm or rendered
	Source string // the kind by which Flux knows the repository, if not GitRepository
	Asks   bool   // Argo CD is new enough to ask before it removes what is in an application
	Set    bool   // Argo CD's releases are an ApplicationSet for each region
	Packed bool   // charts are those of a registry, and definitions are applied by hand
}

// Name is short for the delivery.
func (d Delivery) Name() string { return d.Engine + "-" + d.By }

// settings are those of the engine.
func (d Delivery) settings() string {
	text := "engine: " + d.By
	if d.Source != "" {
		text += ", source: {kind: " + d.Source + "}"
	}
	if d.Asks {
		text += `, version: "3.4"`
	}
	if d.Set {
		text += ", applications: set"
	}
	return text
}

// topology is of two regions; the second is to join the first. No chart renders a
// Secret of it, because manifests that are committed cannot hold one.
const topology = `apiVersion: ringplan.dev/v1alpha1
kind: Topology
metadata: {name: conformance%[7]s}
spec:
  system: apigee-hybrid
  version: 1.16.0
  charts: {%[6]s}
  namespace: apigee
  delivery: [%[1]s]
  repository: {url: %[2]q, revision: %[3]s}
  %[1]s: {%[4]s}
  organization: {name: conformance, project: conformance, analyticsRegion: us-central1}
  instanceID: conformance1
  cassandra:
    replicas: 3
    storage: {size: 100Gi}
    auth: {secret: apigee-cassandra-auth}
    backup:
      gcs: {bucket: conformance-backups}
  environments: [{name: prod, values: {kvmEncryptionSecret: {name: keys}, cacheEncryptionSecret: {name: keys}}}]
  environmentGroups: [{name: public, tls: {secret: public-tls}}]
  ingressGateways: [{name: public}]
  values: {axHashSaltSecret: salt, kmsEncryptionSecret: {name: keys}, redis: {auth: {secret: redis}}}
  regions:
    - name: region-1
      platform: gke
      kubernetes: {cluster: cluster-1, region: us-east1, context: region-1, kubeConfigSecret: region-1, argocdCluster: region-1}
      datacenter: dc-1
      network: {pods: [10.100.0.0/16], nodes: [10.1.0.0/20], services: [10.200.0.0/20]}
    - name: region-2
      platform: gke
      kubernetes: {cluster: cluster-2, region: us-west1, context: region-2, kubeConfigSecret: region-2, argocdCluster: region-2}
      datacenter: dc-2
      network: {pods: [10.101.0.0/16], nodes: [10.2.0.0/20], services: [10.201.0.0/20]}
      expandFrom: region-1
      seedHost: 10.100.0.11
%[5]s`

// sameAuthority has the second region use the certificate authority that is copied
// from the first, where no cluster is asked whether it is there.
const sameAuthority = "      values: {ao: {certManagerCAIssuerEnabled: false}}\n"

// WriteTopology writes a topology and its charts into the clone.
func (w *World) WriteTopology(delivery Delivery) error {
	authority := sameAuthority
	if delivery.Name() == "flux-helm" {
		authority = ""
	}
	charts, annotations := "path: charts", ""
	if delivery.Packed {
		annotations = `, annotations: {ringplan.dev/ignore/RP163: "definitions are applied by hand"}`
		charts = fmt.Sprintf("repository: %q", "oci://"+w.Packed)
	}
	text := fmt.Sprintf(topology, delivery.Engine, w.Repo.URL(), repo.Branch, delivery.settings(), authority, charts, annotations)
	if err := os.WriteFile(filepath.Join(w.Repo.Work, "topology.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	folder := w.Charts()
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(w.Programs.Root, "examples", "charts", "1.16.0"))); err != nil {
		return err
	}
	return w.realDefinitions(filepath.Join(folder, definitions))
}

// definitions is where the operator's chart has those of the system.
var definitions = filepath.Join("apigee-operator", "etc", "crds", "crd")

// Charts is the folder of the charts in the clone.
func (w *World) Charts() string { return filepath.Join(w.Repo.Work, "charts") }

// DefineSystem applies the definitions of the system to a region, as a person does
// where no engine can.
func (w *World) DefineSystem(ctx context.Context, region string) error {
	all, err := cluster.ReadFiles(filepath.Join(w.Charts(), definitions, "*s.yaml"))
	if err != nil {
		return err
	}
	return w.Regions[region].Define(ctx, all)
}

// Replace changes a text in a file of the clone, which must hold it.
func (w *World) Replace(name, old, changed string) error {
	file := filepath.Join(w.Repo.Work, filepath.FromSlash(name))
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := strings.Replace(string(have), old, changed, 1)
	if text == string(have) {
		return fmt.Errorf("%s does not hold %q", file, old)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// realDefinitions puts the real definitions in the place of those of the charts,
// which are made up, so that the engine installs the real ones. Those of the larger
// kinds stay as they are, except the datastore's: engines read them at every commit,
// which takes them half a minute.
func (w *World) realDefinitions(folder string) error {
	for _, name := range []string{"apigeedatastores", "apigeerouteconfigs", "cassandradatareplications"} {
		text, err := os.ReadFile(filepath.Join(w.Programs.CRDs, "apigee", name+".yaml"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Commit pushes what the clone holds, after ringplan has verified it.
func (w *World) Commit(ctx context.Context, message string) (string, error) {
	commit, err := w.Repo.Push(ctx, message)
	if err == nil {
		w.Say("committed %s: %s", commit[:7], strings.ToLower(message))
	}
	return commit, err
}
