package apigee

import (
	"fmt"
	"path"
	"strings"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Commands implements [system.Ring]. Every command names its cluster's context
// where the topology does, so that none runs against the wrong one.
func (g *ring) Commands(s stage.Stage, root string) []system.Command {
	r := g.Region(s.Region)
	dir := root + "/" + r.Name + "/"
	endReplication := system.Command{
		Applies: true,
		Comment: "the replication has left the tree, so remove the object too",
		Run:     system.Kubectl(r, "-n", g.Spec.Namespace, "delete", "cassandradatareplication", replicationObject(r), "--ignore-not-found"),
	}
	switch s.To {
	case joining:
		if s.From == rebuilding {
			return []system.Command{endReplication}
		}
		return g.installCommands(r, dir)
	case installing, returning:
		return g.installCommands(r, dir)
	case purging:
		var cmds []system.Command
		for _, line := range purgeByHand {
			cmds = append(cmds, system.Command{Comment: "by hand: " + line})
		}
		return cmds
	case rebuilding:
		args := []string{"apply", "-f", system.Quote(dir + replicationName)}
		if _, changed := system.OverlayFile(g.Topology, r); changed {
			args = []string{"apply", "-k", system.Quote(dir)}
		}
		return []system.Command{{Comment: "start the rebuild of " + r.Datacenter, Run: system.Kubectl(r, args...), Applies: true}}
	case settling:
		return append(g.upgradeCommands(r, dir, "datastore"), endReplication)
	case stage.Gone:
		if s.From == purging {
			return nil // there is no cluster to run anything in
		}
		return []system.Command{{Comment: "by hand: delete the volumes of Cassandra, remove cert-manager if nothing else uses it, and take region " + r.Name + " out of the topology"}, {
			Comment: "the volumes; a new installation that finds them starts with the old data",
			Run:     system.Kubectl(r, append([]string{"-n", g.Spec.Namespace, "delete", "pvc"}, volumeClaims(r)...)...),
		}}
	}
	return g.uninstallCommands(r, s.To)
}

// where names the cluster, for a command that cannot name its context.
func where(r *topology.Region) string {
	if r.Kubernetes.Context != "" {
		return ""
	}
	return ", in cluster " + r.Kubernetes.Cluster
}

// volumeClaims names the claims of Cassandra's volumes [C15].
func volumeClaims(r *topology.Region) []string {
	names := make([]string, r.Cassandra.Replicas)
	for i := range names {
		names[i] = "cassandra-data-" + podName(i)
	}
	return names
}

// uninstallCommands remove the releases that leave at a phase.
func (g *ring) uninstallCommands(r *topology.Region, phase stage.Phase) []system.Command {
	var cmds []system.Command
	_, leave := g.releasesAt(phase)
	for _, rel := range leave {
		args := []string{"helm uninstall", rel.name, "--namespace", g.Spec.Namespace, "--wait"}
		if r.Kubernetes.Context != "" {
			args = append(args, "--kube-context", system.Quote(r.Kubernetes.Context))
		}
		cmds = append(cmds, system.Command{Comment: "remove " + rel.describe() + where(r), Run: strings.Join(args, " "), Applies: true})
	}
	if phase == leaving {
		cmds = append(cmds, system.Command{Comment: "the operator takes datacenter " + r.Datacenter + " out of the ring now; wait until a survivor does not list it any more"})
	}
	return cmds
}

func (g *ring) installCommands(r *topology.Region, dir string) []system.Command {
	cmds := []system.Command{{Comment: "by hand: cert-manager must run in cluster " + r.Kubernetes.Cluster}}
	if len(g.Pinned) > 0 {
		cmds = append(cmds, system.Command{
			Comment: "the charts must have the bytes that are pinned",
			Run:     "ringplan charts verify " + system.Quote(strings.ReplaceAll(g.Dir, `\`, "/")),
			Applies: true,
		})
	}
	cmds = append(cmds, system.Command{
		Comment: "the namespace",
		Run:     "kubectl create namespace " + g.Spec.Namespace + " --dry-run=client -o yaml | " + system.Kubectl(r, "apply", "-f", "-"),
	})
	if secrets := g.secretsNeeded(); len(secrets) > 0 {
		cmds = append(cmds, system.Command{Comment: "by hand: namespace " + g.Spec.Namespace + " must hold the Secrets " + strings.Join(secrets, ", ")})
	}
	if source := g.Region(r.ExpandFrom); source != nil {
		cmds = append(cmds, system.Command{
			Comment: "the certificate authority of region " + source.Name + ", before the operator",
			Run: system.Kubectl(source, "-n", "cert-manager", "get", "secret", "apigee-ca", "-o", "json") +
				` | jq 'del(.metadata.uid,.metadata.resourceVersion,.metadata.creationTimestamp,.metadata.ownerReferences,.metadata.managedFields)' | ` +
				system.Kubectl(r, "apply", "-f", "-"),
		})
	}
	cmds = append(cmds, g.definitionCommands(r)...)
	for _, rel := range g.releases() {
		cmds = append(cmds, g.upgradeCommand(r, dir, rel))
	}
	if len(g.Spec.Overlay.Components)+len(r.Overlay.Components) > 0 {
		cmds = append(cmds, system.Command{Comment: "what the components of the overlay add", Run: system.Kubectl(r, "apply", "-k", system.Quote(dir)), Applies: true})
	}
	return cmds
}

// definitionCommands fetch the operator's chart, if it is not at hand, and
// apply the definitions that it carries.
func (g *ring) definitionCommands(r *topology.Region) []system.Command {
	var cmds []system.Command
	chart := g.chartPath("apigee-operator")
	if chart == "" {
		folder := "apigee-crds-" + r.Name // of its own, because helm refuses one that is there
		chart = folder + "/apigee-operator"
		cmds = append(cmds, system.Command{
			Comment: "the operator's chart, for its custom resource definitions",
			Applies: true, Definitions: true,
			Run: "helm pull " + system.Quote(g.Repository()+"/apigee-operator") + " --version " + g.Spec.Version + " --untar --untardir " + folder,
		})
	} else if archive := chart; strings.HasSuffix(archive, ".tgz") {
		folder := "apigee-crds-" + r.Name
		chart = folder + "/apigee-operator"
		cmds = append(cmds, system.Command{
			Comment: "the operator's chart, for its custom resource definitions",
			Applies: true, Definitions: true,
			Run: "mkdir " + folder + " && tar -xzf " + system.Quote(archive) + " -C " + folder,
		})
	}
	if g.Spec.Namespace != kustomizeNamespace {
		cmds = append(cmds, system.Command{
			Comment: "its kustomization is fixed to namespace " + kustomizeNamespace,
			Applies: true, Definitions: true,
			Run: "(cd " + system.Quote(chart) + "/etc/crds/default && kustomize edit set namespace " + g.Spec.Namespace + ")",
		})
	}
	return append(cmds, system.Command{
		Comment: "the custom resource definitions",
		Applies: true, Definitions: true,
		Run: system.Kubectl(r, "apply", "-k", system.Quote(chart+"/etc/crds/default/"), "--server-side", "--force-conflicts", "--validate=false"),
	})
}

// upgradeCommands upgrades the named releases.
func (g *ring) upgradeCommands(r *topology.Region, dir string, names ...string) []system.Command {
	var cmds []system.Command
	for _, rel := range g.releases() {
		for _, name := range names {
			if rel.name == name {
				cmds = append(cmds, g.upgradeCommand(r, dir, rel))
			}
		}
	}
	return cmds
}

func (g *ring) upgradeCommand(r *topology.Region, dir string, rel release) system.Command {
	chart := system.Quote(g.Repository()+"/"+rel.chart) + " --version " + g.Spec.Version
	if path := g.chartPath(rel.chart); path != "" {
		chart = system.Quote(path)
	}
	args := []string{"helm upgrade", rel.name, chart, "--install", "--namespace", g.Spec.Namespace}
	if r.Kubernetes.Context != "" {
		args = append(args, "--kube-context", system.Quote(r.Kubernetes.Context))
	}
	args = append(args, "--atomic", "-f", system.Quote(dir+overridesName))
	for _, key := range []string{"env", "envgroup"} {
		if value, ok := rel.set.Lookup(key); ok {
			args = append(args, "--set", fmt.Sprintf("%s=%s", key, value))
		}
	}
	if _, changed := system.OverlayFile(g.Topology, r); changed {
		args = append(args, "--post-renderer ringplan --post-renderer-args overlay --post-renderer-args", system.Quote(strings.TrimSuffix(dir, "/")))
	}
	return system.Command{Comment: rel.describe() + where(r), Run: strings.Join(args, " "), Applies: true}
}

// chartPath returns the folder of a chart as seen from where commands are run,
// or "" if charts come from a repository.
func (g *ring) chartPath(chart string) string {
	if g.Spec.Charts.Path == "" {
		return ""
	}
	return path.Join(strings.ReplaceAll(g.Dir, `\`, "/"), g.ChartPath(chart))
}
