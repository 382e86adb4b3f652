package lint

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

var ringRules = []Rule{
	{
		Code: "RP030", Name: "duplicate-region", Severity: diag.Error,
		Summary: "Two regions have the same name, are the same cluster, or are reached as one.",
		Why:     "The name is the folder of a region's files, and a cluster holds one datacenter of a ring: what is meant for one region would be done to the other.",
		Fix:     "Give each region a name and a cluster of its own, and a way to reach it: kubernetes.context, and kubeConfigSecret or argocdCluster where Flux or Argo CD reaches it.",
		Source:  "ringplan",
		Check:   checkDuplicateRegions,
	}, {
		Code: "RP031", Name: "duplicate-datacenter", Severity: diag.Error,
		Summary: "Two regions have the same Cassandra datacenter name.",
		Why:     "Cassandra would take the nodes of both clusters for one datacenter, and place replicas across them.",
		Fix:     "Give each region a datacenter name of its own, such as dc-1 and dc-2. Names that differ only in case are easily confused and refused too.",
		Source:  "[MR] datacenter is set for each region; [CASS] replication is set by datacenter",
		Check:   checkDuplicateDatacenters,
	}, {
		Code: "RP032", Name: "expand-from-missing", Severity: diag.Error,
		Summary: "A second region says not from which one it is built.",
		Why:     "One region founds the ring; one that is installed without a source founds another ring of the same name.",
		Fix:     "Set expandFrom to a region that serves.",
		Source:  "[MR] a new region joins by a seed host of an existing one",
		Check:   checkExpandFromMissing,
	}, {
		Code: "RP033", Name: "expand-from-unknown", Severity: diag.Error,
		Summary: "A region is built from itself, or from one that is not in the topology.",
		Why:     "There is no datacenter to take the data from.",
		Fix:     "Set expandFrom to the name of another region of this topology; region names, not datacenter names.",
		Source:  "ringplan",
		Check:   checkExpandFromUnknown,
	}, {
		Code: "RP034", Name: "expand-from-cycle", Severity: diag.Error,
		Summary: "Regions are built from each other in a circle.",
		Why:     "None of them can be the first.",
		Fix:     "Remove expandFrom from the region that founds the ring.",
		Source:  "ringplan",
		Check:   checkExpandFromCycle,
	}, {
		Code: "RP035", Name: "seed-host-invalid", Severity: diag.Error,
		Summary: "A seed host is no address of the source's Cassandra network.",
		Why:     "The new datacenter finds no ring at that address and never joins, or starts a ring of its own.",
		Fix:     "Use the IP address of a Cassandra pod of the source: a pod's, or its node's with hostNetwork. DNS names are not supported.",
		Source:  "[MR] the seed host is an address of the first region; [CFG] cassandra.multiRegionSeedHost is an IP address",
		Check:   checkSeedHost,
	}, {
		Code: "RP036", Name: "seed-host-missing", Severity: diag.Error,
		Summary: "A region that joins the ring has no seed host, in the topology or the rollout.",
		Why:     "Without it the new cluster does not know of the ring and starts one of its own.",
		Fix:     "Set seedHost to the address of a Cassandra pod of the source region: `kubectl get pods -o wide` shows it.",
		Source:  "[MR] configure the multi-region seed host",
		Always:  true, // nothing else stands between a missing seed host and a second ring
		Check:   checkSeedHostMissing,
	}, {
		Code: "RP037", Name: "seed-host-left", Severity: diag.Warning,
		Summary: "A region that serves still has a seed host.",
		Why:     "It is not rendered any more. It is the address of a pod that may be gone, and misleads the next reader.",
		Fix:     "Remove seedHost from the region.",
		Source:  "[MR] remove the seed host once the rebuild is verified",
		Check:   checkSeedHostLeft,
	}, {
		Code: "RP038", Name: "phase-unreachable", Severity: diag.Error,
		Summary: "The phases of the regions do not go together.",
		Why:     "Two regions that move the ring at once, or a source that does not serve yet, can lose data.",
		Fix:     "Name phases of the region's own procedure, and finish one region before the next; `ringplan plan` shows the order.",
		Source:  "[MR] one region at a time, from a healthy one",
		Always:  true,
		Check:   checkPhases,
	}, {
		Code: "RP039", Name: "delivery-incomplete", Severity: diag.Error, Always: true,
		Summary: "An engine is asked for, and what it needs is missing or in its way.",
		Why:     "What would be rendered for it could not be synced.",
		Fix:     "Set the field that is named.",
		Source:  "ringplan",
		Check:   checkDelivery,
	}, {
		Code: "RP045", Name: "chart-source", Severity: diag.Error,
		Summary: "spec.charts names both a repository and a path, or a path that leaves the repository.",
		Why:     "It is unclear which charts are meant; and a path outside the repository is not the same on every machine.",
		Fix:     "Keep one of the two, and put the folder of charts into the repository.",
		Source:  "ringplan",
		Check:   checkCharts,
	}, {
		Code: "RP046", Name: "one-of-several", Severity: diag.Error,
		Summary: "Settings that exclude each other are set together.",
		Why:     "The charts would take one of them and ignore the rest.",
		Fix:     "Keep one.",
		Source:  "[CFG]",
		Check:   checkOneOf,
	},
}

func checkDuplicateRegions(p *Pass) {
	names, clusters := map[string]*topology.Region{}, map[string]*topology.Region{}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if other := names[r.Name]; other != nil {
			p.Report(r.Path("name"), fmt.Sprintf("the first is at %s", p.At(other.Path("name"))), "two regions are named %s", r.Name)
			continue
		}
		names[r.Name] = r
		id := clusterID(r)
		if other := clusters[id]; other != nil {
			p.Report(r.Path("kubernetes.cluster"), "one cluster holds one datacenter of a ring", "regions %s and %s are the same cluster, %s", other.Name, r.Name, r.Kubernetes.Cluster)
			continue
		}
		clusters[id] = r
	}
	for _, way := range waysIn(p) {
		checkReachedApart(p, way)
	}
}

// A wayIn is by what somebody reaches the cluster of a region: a field, its value,
// and what is set so that it differs.
type wayIn struct {
	by    string
	of    func(*topology.Region) (field, value string)
	apart string
}

// waysIn lists the ways that are used: people's own, and those of the engines that
// reach every cluster from one place.
func waysIn(p *Pass) []wayIn {
	ways := []wayIn{{"kubectl context", func(r *topology.Region) (string, string) {
		return "kubernetes.context", r.Kubernetes.Context
	}, "kubernetes.context"}}
	if p.Delivers(topology.EngineFlux) && p.Spec.Flux.Clusters == topology.Hub {
		ways = append(ways, wayIn{"Secret of Flux", func(r *topology.Region) (string, string) {
			return "kubernetes.kubeConfigSecret", r.Kubernetes.KubeConfigSecret
		}, "kubernetes.kubeConfigSecret"})
	}
	if p.Delivers(topology.EngineArgoCD) {
		ways = append(ways, wayIn{"name in Argo CD", argoCDCluster, "kubernetes.argocdCluster"})
	}
	return ways
}

// argoCDCluster is the name by which Argo CD knows the cluster of a region, which is
// the cluster's own where no other is given.
func argoCDCluster(r *topology.Region) (field, value string) {
	if k := r.Kubernetes; k.ArgoCDCluster != k.Cluster {
		return "kubernetes.argocdCluster", k.ArgoCDCluster
	}
	return "kubernetes.cluster", r.Kubernetes.Cluster
}

// checkReachedApart wants every cluster to be reached by a value of its own. Regions
// that are one by their names are reported already.
func checkReachedApart(p *Pass, way wayIn) {
	first := map[string]*topology.Region{}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		field, value := way.of(r)
		other := first[value]
		switch {
		case value == "":
		case other == nil:
			first[value] = r
		case other.Name != r.Name && clusterID(other) != clusterID(r):
			field0, _ := way.of(other)
			p.Report(r.Path(field), fmt.Sprintf("the first is at %s; give each a %s of its own", p.At(other.Path(field0)), way.apart),
				"the clusters of regions %s and %s are reached by the same %s, %s", other.Name, r.Name, way.by, value)
		}
	}
}

// clusterID tells clusters apart by what a region says of its own.
func clusterID(r *topology.Region) string {
	return strings.Join([]string{r.Platform, r.Kubernetes.Region, r.Kubernetes.Cluster, r.Kubernetes.Context}, "\x00")
}

func checkDuplicateDatacenters(p *Pass) {
	seen := map[string]*topology.Region{}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if other := seen[strings.ToLower(r.Datacenter)]; other != nil {
			p.Report(r.Path("datacenter"), fmt.Sprintf("the first is at %s", p.At(other.Path("datacenter"))),
				"regions %s and %s have the same datacenter, %s", other.Name, r.Name, sameDatacenter(other, r))
			continue
		}
		seen[strings.ToLower(r.Datacenter)] = r
	}
}

func sameDatacenter(a, b *topology.Region) string {
	if a.Datacenter == b.Datacenter {
		return a.Datacenter
	}
	return "but for case: " + a.Datacenter + " and " + b.Datacenter
}

func checkExpandFromMissing(p *Pass) {
	var founder *topology.Region
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.ExpandFrom != "" {
			continue
		}
		if founder != nil {
			p.Report(r.Path(""), fmt.Sprintf("set expandFrom: %s", founder.Name), "region %s has no expandFrom, but %s founds the ring already", r.Name, founder.Name)
			continue
		}
		founder = r
	}
}

func checkExpandFromUnknown(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		switch {
		case r.ExpandFrom == "":
		case r.ExpandFrom == r.Name:
			p.Report(r.Path("expandFrom"), "name another region", "region %s is built from itself", r.Name)
		case p.Region(r.ExpandFrom) == nil:
			p.Report(r.Path("expandFrom"), unknownRegionHint(p.Topology, r.ExpandFrom), "there is no region %s", r.ExpandFrom)
		}
	}
}

func unknownRegionHint(t *topology.Topology, name string) string {
	var names []string
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		if r.Datacenter == name {
			return fmt.Sprintf("that is the datacenter of region %s; expandFrom takes the region's name", r.Name)
		}
		names = append(names, r.Name)
	}
	return "the regions are " + strings.Join(names, ", ")
}

func checkExpandFromCycle(p *Pass) {
	reported := map[string]bool{}
	for i := range p.Spec.Regions {
		cycle := cycleFrom(p.Topology, &p.Spec.Regions[i])
		if len(cycle) < 2 || reported[cycle[0].Name] {
			continue
		}
		names := make([]string, len(cycle))
		for j, r := range cycle {
			reported[r.Name] = true
			names[j] = r.Name
		}
		p.Report(cycle[0].Path("expandFrom"), "one of them must found the ring: remove its expandFrom",
			"regions are built from each other in a circle: %s", strings.Join(append(names, names[0]), " from "))
	}
}

// cycleFrom returns the circle that r is part of, starting at r, or nil.
func cycleFrom(t *topology.Topology, r *topology.Region) []*topology.Region {
	var path []*topology.Region
	for at := r; at != nil && len(path) <= len(t.Spec.Regions); at = t.Region(at.ExpandFrom) {
		if at == r && len(path) > 0 {
			return path
		}
		path = append(path, at)
	}
	return nil
}

func checkSeedHost(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.SeedHost == "" {
			continue
		}
		path := r.Path("seedHost")
		source := p.Region(r.ExpandFrom)
		if r.ExpandFrom == "" {
			p.Report(path, "remove it, or set expandFrom", "region %s founds the ring, so it has no seed host", r.Name)
			continue
		}
		addr, err := netip.ParseAddr(r.SeedHost)
		if err != nil {
			p.Report(path, "use the IP address of a Cassandra pod; names are not supported", "seed host %q is not an IP address", r.SeedHost)
			continue
		}
		if source == nil || source == r {
			continue
		}
		ranges, field := source.CassandraRanges()
		if parseable(ranges) && !contains(ranges, addr) {
			p.Report(path, "Cassandra of "+source.Name+" has its addresses in "+field+": "+strings.Join(ranges, ", "),
				"seed host %s is no Cassandra address of %s", addr, source.Name)
		}
	}
}

func contains(ranges []string, addr netip.Addr) bool {
	for _, text := range ranges {
		if prefix, err := parseRange(text); err == nil && prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func checkSeedHostMissing(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		at := p.Rollout.At(r.Name)
		if r.ExpandFrom == "" || r.SeedHost != "" || at.SeedHost != "" {
			continue
		}
		if at.Phase == stage.Planned {
			p.ReportAs(diag.Note, r.Path(""), "set seedHost, or let `ringplan advance` take it from what the source says", "region %s has no seed host yet", r.Name)
			continue
		}
		if !p.Procedures.NeedsSeed(at) {
			continue
		}
		p.Report(r.Path(""), "set seedHost to the address of a Cassandra pod of "+r.ExpandFrom, "region %s is %s without a seed host", r.Name, at.Phase)
	}
}

func checkSeedHostLeft(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.SeedHost != "" && p.Rollout.At(r.Name).Phase == stage.Serving {
			p.Report(r.Path("seedHost"), "remove it", "region %s serves, so its seed host is not used any more", r.Name)
		}
	}
}

// checkPhases looks only at rings whose regions are sound: others are reported
// already.
func checkPhases(p *Pass) {
	founders, names := 0, map[string]bool{}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		names[r.Name] = true
		if r.ExpandFrom == "" {
			founders++
		} else if p.Region(r.ExpandFrom) == nil || cycleFrom(p.Topology, r) != nil {
			return
		}
	}
	if founders != 1 || len(names) != len(p.Spec.Regions) {
		return
	}
	for _, r := range p.Refusals {
		path := "spec.regions"
		if region := p.Region(r.Region); region != nil {
			path = region.Path("")
		}
		p.Report(path, r.Way, "%s", r.Words())
	}
}

func checkDelivery(p *Pass) {
	if p.Delivers(topology.EngineArgoCD) && p.Spec.Repository.URL == "" {
		p.Report("spec.repository", "set spec.repository.url", "Argo CD is to deliver, and nothing says where it clones this repository from")
	}
	if clean := path.Clean(p.Spec.Repository.Path); clean == ".." || strings.HasPrefix(clean, "../") {
		p.Report("spec.repository.path", "give the folder of the topology, from the root of the repository", "%s leaves the repository", p.Spec.Repository.Path)
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if slices.Contains([]string{topology.EngineFlux, topology.EngineArgoCD}, r.Name) && p.Delivers(r.Name) {
			p.Report(r.Path("name"), "rename the region", "region %s has the name of an engine, whose files are in the folder of that name", r.Name)
		}
	}
}

func checkCharts(p *Pass) {
	charts := p.Spec.Charts
	if charts.Path != "" && charts.Repository != "" {
		p.Report("spec.charts", "keep one", "charts come from a repository and from a path")
	}
	if charts.Path == "" {
		return
	}
	// Whether it stays in the repository is for whoever knows that to say.
	if strings.HasPrefix(charts.Path, "/") || strings.Contains(charts.Path, `\`) || strings.Contains(charts.Path, ":") {
		p.Report("spec.charts.path", "use a folder relative to the topology, such as ./charts, with / between names", "charts path %q is not relative to the topology", charts.Path)
	}
}

func checkOneOf(p *Pass) {
	auth := p.Spec.Cassandra.Auth
	if auth.Secret != "" && auth.SecretProviderClass != "" {
		p.Report("spec.cassandra.auth", "keep one", "auth has both secret and secretProviderClass")
	}
	b := p.Spec.Cassandra.Backup
	var kinds []string
	if b.GCS != nil {
		kinds = append(kinds, "gcs")
	}
	if b.Remote != nil {
		kinds = append(kinds, "remote")
	}
	if b.CSI != nil {
		kinds = append(kinds, "csi")
	}
	if len(kinds) > 1 {
		p.Report("spec.cassandra.backup", "keep one", "backup has %s", strings.Join(kinds, " and "))
	}
}
