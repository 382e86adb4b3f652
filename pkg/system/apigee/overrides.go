package apigee

import (
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

const overridesName = "overrides.yaml"

func (g *ring) overridesFile(r *topology.Region, at stage.Progress) manifest.File {
	return manifest.File{
		Path:   overridesName,
		Header: system.Generated + "\nOverrides of datacenter " + r.Datacenter + " in region " + r.Name + ", for the charts of Apigee hybrid " + g.Spec.Version + ".",
		Docs:   []*manifest.Map{g.overrides(r, at)},
		Rule:   "overrides",
	}
}

// overrides builds the Helm values of one datacenter: what the topology says,
// then the user's values for every region, then those for this one.
func (g *ring) overrides(r *topology.Region, at stage.Progress) *manifest.Map {
	o := manifest.NewMap(
		"instanceID", g.InstanceID,
		"namespace", g.Spec.Namespace,
		"org", g.Organization.Name,
		"gcp", g.gcp(),
		"k8sCluster", manifest.NewMap("name", r.Kubernetes.Cluster, "region", r.Kubernetes.Region),
		"nodeSelector", nodeSelector(r),
		"cassandra", g.cassandra(r, at),
		"envs", g.envs(),
		"virtualhosts", g.virtualhosts(),
		"ingressGateways", entries(g.IngressGateways),
	)
	g.componentAccounts(o)
	o.Merge(g.Spec.Values)
	o.Merge(r.Values)
	return o
}

func (g *ring) gcp() *manifest.Map {
	m := manifest.NewMap("projectID", g.Organization.Project, "region", g.Organization.AnalyticsRegion)
	m.Comment("region", "Of analytics, not of the cluster: the same in every region.")
	if wi := g.ServiceAccounts.WorkloadIdentity; wi != nil {
		m.Set("workloadIdentity", manifest.NewMap("enabled", true).SetNonZero("gsa", wi.GSA))
	}
	if f := g.ServiceAccounts.Federated; f != nil {
		fed := manifest.NewMap("enabled", true, "audience", f.Audience, "credentialSourceFile", f.CredentialSourceFile)
		if f.TokenExpiration > 0 {
			fed.Set("tokenExpiration", f.TokenExpiration)
		}
		m.Set("federatedWorkloadIdentity", fed)
		if f.GSA != "" {
			m.Set("workloadIdentity", manifest.NewMap("enabled", false, "gsa", f.GSA))
			m.Comment("workloadIdentity", "Off, but federation reads the account here too.")
		}
	}
	return m
}

// nodeSelector is always written out: the charts' own default is GKE's label,
// and pods stay Pending where no node has it [C15].
func nodeSelector(r *topology.Region) *manifest.Map {
	label := func(l topology.NodeLabel) *manifest.Map { return manifest.NewMap("key", l.Key, "value", l.Value) }
	return manifest.NewMap(
		"requiredForScheduling", true,
		"apigeeData", label(r.Cassandra.NodeSelector),
		"apigeeRuntime", label(r.Runtime.NodeSelector),
	)
}

func (g *ring) cassandra(r *topology.Region, at stage.Progress) *manifest.Map {
	ringWide := &g.Spec.Cassandra
	c := manifest.NewMap(
		"clusterName", ringWide.ClusterName,
		"datacenter", r.Datacenter,
		"rack", r.Rack,
		"replicaCount", r.Cassandra.Replicas,
		"hostNetwork", r.HostNetwork(),
	)
	if source, ok := r.Defaults["network.hostNetwork"]; ok && r.HostNetwork() {
		c.Comment("hostNetwork", "By default "+inWords(source)+".")
	}
	if needsSeed(at) {
		c.Set("multiRegionSeedHost", seedHost(r, at))
		c.Comment("multiRegionSeedHost", "A Cassandra address of region "+r.ExpandFrom+", only to join and rebuild. It goes,\nin a revision of its own, once the rebuild of "+r.Datacenter+" has completed.")
	}
	c.Set("storage", storage(r))
	auth := manifest.NewMap().
		SetNonZero("secret", ringWide.Auth.Secret).
		SetNonZero("secretProviderClass", ringWide.Auth.SecretProviderClass)
	c.SetNonZero("auth", auth)
	c.SetNonZero("resources", map[string]any(r.Cassandra.Resources))
	c.SetNonZero("tolerations", tolerations(r.Cassandra.Tolerations))
	c.SetNonZero("backup", g.backup())
	return c
}

// seedHost returns the seed host of a region: the one that it started to join
// with, else the topology's. No rollout starts without one; a plan may show
// the stage before the address is known.
func seedHost(r *topology.Region, at stage.Progress) string {
	switch {
	case at.SeedHost != "":
		return at.SeedHost
	case r.SeedHost != "":
		return r.SeedHost
	}
	return "SEED_HOST"
}

// inWords leaves the key of a source out.
func inWords(source string) string {
	if _, words, ok := strings.Cut(source, "] "); ok {
		return words
	}
	return source
}

// storage writes the class in lower case, which is the one spelling that the
// CSI snapshot template reads [C15].
func storage(r *topology.Region) *manifest.Map {
	s := manifest.NewMap().SetNonZero("storageclass", r.Cassandra.Storage.Class)
	if source, ok := r.Defaults["cassandra.storage.class"]; ok {
		s.Comment("storageclass", "Default of platform "+r.Platform+": "+inWords(source)+".")
	}
	return s.Set("storageSize", string(r.Cassandra.Storage.Size))
}

func tolerations(list []topology.Toleration) []any {
	out := make([]any, len(list))
	for i, t := range list {
		m := manifest.NewMap().
			SetNonZero("key", t.Key).
			SetNonZero("operator", t.Operator).
			SetNonZero("value", t.Value).
			SetNonZero("effect", t.Effect)
		if t.TolerationSeconds != nil {
			m.Set("tolerationSeconds", *t.TolerationSeconds)
		}
		out[i] = m
	}
	return out
}

func (g *ring) backup() *manifest.Map {
	b := g.Spec.Cassandra.Backup
	m := manifest.NewMap("enabled", true)
	switch {
	case b.GCS != nil:
		m.Set("cloudProvider", "GCP").Set("dbStorageBucket", b.GCS.Bucket).SetNonZero("schedule", b.GCS.Schedule)
		m.SetNonZero("serviceAccountRef", g.backupSecret())
		if google := g.ServiceAccounts.google(); google != nil {
			m.SetNonZero("gsa", google.Components["cassandra"])
		}
	case b.Remote != nil:
		m.Set("cloudProvider", "HYBRID").Set("server", b.Remote.Server).Set("storageDirectory", b.Remote.Directory).
			Set("keyFileRef", b.Remote.Secret).SetNonZero("schedule", b.Remote.Schedule)
	case b.CSI != nil:
		m.Set("cloudProvider", "CSI").SetNonZero("schedule", b.CSI.Schedule)
	default:
		return nil
	}
	return m
}

// backupSecret names the Secret of a backup to Cloud Storage; "" if there is
// none, or no such backup.
func (g *ring) backupSecret() string {
	gcs := g.Spec.Cassandra.Backup.GCS
	switch {
	case gcs == nil:
		return ""
	case gcs.Secret == "" && g.ServiceAccounts.usesSecrets():
		return g.ServiceAccounts.secret("cassandra")
	}
	return gcs.Secret
}

func (g *ring) envs() []any {
	components := []string{"runtime", "synchronizer"}
	if g.usesUDCA() {
		components = append(components, "udca")
	}
	list := make([]any, len(g.Environments))
	for i, e := range g.Environments {
		m := manifest.NewMap("name", e.Name)
		accounts := manifest.NewMap()
		switch google := g.ServiceAccounts.google(); {
		case g.ServiceAccounts.Vault != nil:
			m.SetNonZero("serviceAccountSecretProviderClass", g.ServiceAccounts.Vault.Environments[e.Name])
		case google != nil:
			for _, c := range components {
				accounts.SetNonZero(c, google.Components[c])
			}
			m.SetNonZero("gsa", accounts)
		default:
			for _, c := range components {
				accounts.Set(c, g.ServiceAccounts.secret(c))
			}
			m.Set("serviceAccountSecretRefs", accounts)
		}
		m.Merge(e.Values)
		list[i] = m
	}
	return list
}

// virtualhosts always names the selector: the charts fall back to Istio's
// label, the documents to Apigee's [C16].
func (g *ring) virtualhosts() []any {
	list := make([]any, len(g.EnvironmentGroups))
	for i, group := range g.EnvironmentGroups {
		m := manifest.NewMap(
			"name", group.Name,
			"selector", manifest.NewMap("app", "apigee-ingressgateway", "ingress_name", g.gatewayOf(group)),
			"sslSecret", group.TLS.Secret,
		)
		m.Merge(group.Values)
		list[i] = m
	}
	return list
}

// gatewayOf returns the ingress gateway that serves a group: its own, or the
// first.
func (g *ring) gatewayOf(group group) string {
	if group.Gateway == "" && len(g.IngressGateways) > 0 {
		return g.IngressGateways[0].Name
	}
	return group.Gateway
}

func entries(list []entry) []any {
	out := make([]any, len(list))
	for i, e := range list {
		m := manifest.NewMap("name", e.Name)
		m.Merge(e.Values)
		out[i] = m
	}
	return out
}

// A component of the overrides, and the service account it uses: the connect
// agent uses MART's [C15].
type component struct{ key, account string }

// components lists what authenticates outside environments. Guardrails has an
// account of its own from 1.16 on, and UDCA is gone there [C16].
func (g *ring) components() []component {
	list := []component{{"mart", "mart"}, {"connectAgent", "mart"}, {"watcher", "watcher"}}
	if g.enabled("metrics", true) {
		list = append(list, component{"metrics", "metrics"})
	}
	if g.enabled("logger", false) {
		list = append(list, component{"logger", "logger"})
	}
	if g.line.atLeast(1, 16) {
		list = append(list, component{"guardrails", "guardrails"})
	}
	if g.usesUDCA() {
		list = append(list, component{"udca", "udca"})
	}
	if g.ServiceAccounts.says("mint-task-scheduler") {
		list = append(list, component{"mintTaskScheduler", "mint-task-scheduler"})
	}
	return list
}

// enabled reports whether a component runs in any region: byDefault is what
// the charts do unless told otherwise [CFG].
func (g *ring) enabled(key string, byDefault bool) bool {
	on, said := lookup(g.Spec.Values, []string{key, "enabled"})
	for i := range g.Spec.Regions {
		if own, ok := lookup(g.Spec.Regions[i].Values, []string{key, "enabled"}); ok && (own == true || !said) {
			on, said = own, true
		}
	}
	if !said {
		return byDefault
	}
	return on == true
}

func (g *ring) usesUDCA() bool { return !g.line.atLeast(1, 16) }

func (g *ring) componentAccounts(o *manifest.Map) {
	if vault := g.ServiceAccounts.Vault; vault != nil {
		o.Set("serviceAccountSecretProviderClass", vault.SecretProviderClass)
		return
	}
	google := g.ServiceAccounts.google()
	for _, c := range g.components() {
		if google == nil {
			o.Set(c.key, manifest.NewMap("serviceAccountRef", g.ServiceAccounts.secret(c.account)))
		} else if gsa := google.Components[c.account]; gsa != "" {
			o.Set(c.key, manifest.NewMap("gsa", gsa))
		}
	}
}

// secretsNeeded lists the Secrets that the overrides refer to, each once, in
// the order in which the charts need them.
func (g *ring) secretsNeeded() []string {
	var names []string
	seen := map[string]bool{"": true}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	add(g.Spec.Cassandra.Auth.Secret)
	if g.ServiceAccounts.usesSecrets() {
		for _, c := range g.components() {
			add(g.ServiceAccounts.secret(c.account))
		}
		add(g.ServiceAccounts.secret("runtime"))
		add(g.ServiceAccounts.secret("synchronizer"))
	}
	add(g.backupSecret())
	if remote := g.Spec.Cassandra.Backup.Remote; remote != nil {
		add(remote.Secret)
	}
	for _, group := range g.EnvironmentGroups {
		add(group.TLS.Secret)
	}
	return names
}
