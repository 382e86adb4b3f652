package lint

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
)

var networkRules = []Rule{
	{
		Code: "RP010", Name: "cidr-malformed", Severity: diag.Error,
		Summary: "An address range is not in CIDR notation.",
		Why:     "A range that cannot be read cannot be checked against the others.",
		Fix:     "Write an address, a slash and a prefix length, such as 10.100.0.0/16.",
		Source:  "RFC 4632; RFC 4291 for IPv6",
		Check:   checkMalformed,
	}, {
		Code: "RP011", Name: "cidr-host-bits", Severity: diag.Error,
		Summary: "An address range has bits set beyond its prefix.",
		Why:     "It is unclear which range is meant, and clouds refuse to create it.",
		Fix:     "Write the first address of the range, or correct the prefix length.",
		Source:  "RFC 4632",
		Check:   checkHostBits,
	}, {
		Code: "RP012", Name: "cidr-overlap", Severity: diag.Error,
		Summary: "Two address ranges that must be distinct overlap.",
		Why:     "Cassandra nodes of two regions could share an address, or a node's route to another region could end in its own cluster; the ring then splits or refuses a node.",
		Fix:     "Give the clusters different ranges. Pod and service ranges that never meet another region's may overlap: say so with network.isolated: true.",
		Source:  "[MR] different CIDR blocks; [OPS] no overlap between the Cassandra pods' ranges",
		Check:   checkOverlap,
	}, {
		Code: "RP013", Name: "address-family-mixed", Severity: diag.Error,
		Summary: "Cassandra's addresses are IPv4 in one region and IPv6 in another.",
		Why:     "Every Cassandra node reaches every other one by one address; two families do not reach each other.",
		Fix:     "Use ranges of one family for what Cassandra uses: pods, or nodes with hostNetwork.",
		Source:  "[CASS] one listen and broadcast address a node",
		Check:   checkFamilies,
	}, {
		Code: "RP014", Name: "range-too-small", Severity: diag.Error,
		Summary: "A range has no room for the nodes that the datacenter needs.",
		Why:     "Cassandra takes one node for each pod. A cluster whose ranges are used up cannot add nodes, and pods stay Pending.",
		Fix:     "Use a larger range, or add one; pods and nodes take lists.",
		Source:  "[OPS] one Cassandra pod a node; regions/ for the share of a node",
		Check:   checkRoom,
	}, {
		Code: "RP020", Name: "island-without-host-network", Severity: diag.Error,
		Summary: "A region is an island, but Cassandra uses the pods' addresses.",
		Why:     "Pods of an island are not reachable from other clusters, so the datacenters cannot form one ring.",
		Fix:     "Leave network.hostNetwork out, or set it to true in every region.",
		Source:  "[MR] island mode clusters and hostNetwork",
		Check:   checkIsland,
	}, {
		Code: "RP021", Name: "host-network-differs", Severity: diag.Error,
		Summary: "hostNetwork is on in one region and off in another.",
		Why:     "All regions of a ring must agree; existing regions are changed before a new one is added.",
		Fix:     "Set network.hostNetwork alike everywhere, or leave it out everywhere.",
		Source:  "[MR] enable hostNetwork for all of the regions",
		Check:   checkHostNetworkAgrees,
	}, {
		Code: "RP022", Name: "host-network-unneeded", Severity: diag.Note,
		Summary: "hostNetwork is on although no region is an island.",
		Why:     "Node names must then resolve in DNS, and Cassandra takes ports on the nodes; flat networks do without.",
		Fix:     "Remove network.hostNetwork, unless an island will be added later.",
		Source:  "[MR] hostNetwork is for clusters in island mode",
		Check:   checkHostNetworkNeeded,
	},
}

// span is one declared range.
type span struct {
	region *topology.Region
	kind   string // pods, nodes or services
	path   string
	text   string
	prefix netip.Prefix // as written
	err    error
}

func (s span) masked() netip.Prefix { return s.prefix.Masked() }

// flat reports whether other clusters reach addresses of this range.
func (s span) flat() bool {
	return s.kind == "nodes" || s.kind == "pods" && s.region.Network.Model == topology.Flat
}

// cassandra reports whether Cassandra itself has its addresses in this range of
// pods, so that other regions' nodes must reach them.
func (s span) cassandra() bool { return s.kind == "pods" && !s.region.HostNetwork() }

func (s span) String() string { return fmt.Sprintf("%s %s of %s", s.kind, s.text, s.region.Name) }

// spans lists every range of a topology in order.
func spans(t *topology.Topology) []span {
	var list []span
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		for _, kind := range []struct {
			name   string
			ranges []string
		}{{"pods", r.Network.Pods}, {"nodes", r.Network.Nodes}, {"services", r.Network.Services}} {
			for j, text := range kind.ranges {
				prefix, err := parseRange(text)
				path := fmt.Sprintf("%s[%d]", r.Path("network."+kind.name), j)
				list = append(list, span{r, kind.name, path, text, prefix, err})
			}
		}
	}
	return list
}

// parseRange reads a range. An IPv4 range in the clothes of an IPv6 one is
// refused: Kubernetes takes it for another than it is.
func parseRange(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err == nil && prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%s is an IPv4 range mapped into IPv6", text)
	}
	return prefix, err
}

// readable returns the spans that parse.
func readable(t *topology.Topology) []span {
	var list []span
	for _, s := range spans(t) {
		if s.err == nil {
			list = append(list, s)
		}
	}
	return list
}

func checkMalformed(p *Pass) {
	for _, s := range spans(p.Topology) {
		if s.err == nil {
			continue
		}
		p.Report(s.path, rangeHint(s.text), "%q is not an address range", s.text)
	}
}

func rangeHint(text string) string {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.WithZone("").Unmap()
		return fmt.Sprintf("a single address is %s/%d", addr, addr.BitLen())
	}
	if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Bits() >= 96 {
		return fmt.Sprintf("write it as the IPv4 range %s/%d", prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	address, _, _ := strings.Cut(text, "/")
	if addr, err := netip.ParseAddr(address); err == nil && addr.Zone() == "" && !addr.Is4In6() {
		return fmt.Sprintf("the prefix length of an %s range is a number from 0 to %d", familyOf(addr), addr.BitLen())
	}
	return "write it like 10.100.0.0/16"
}

func checkHostBits(p *Pass) {
	for _, s := range readable(p.Topology) {
		if s.prefix != s.masked() {
			p.Report(s.path, fmt.Sprintf("the range that holds it is %s", s.masked()), "%s has bits set beyond its prefix", s.text)
		}
	}
}

func checkOverlap(p *Pass) {
	list := readable(p.Topology)
	for i, a := range list {
		for _, b := range list[:i] {
			if !a.masked().Overlaps(b.masked()) {
				continue
			}
			hint := fmt.Sprintf("%s stands at %s", b, p.At(b.path))
			switch distinct(a, b) {
			case must:
				p.Report(a.path, hint, "%s overlap %s", a, b)
			case should:
				p.ReportAs(diag.Note, a.path, "if they never meet, say network.isolated: true in one of the regions; "+hint, "%s overlap %s", a, b)
			}
		}
	}
}

// need says whether two ranges must be distinct.
type need int

const (
	needNot need = iota
	should
	must
)

// distinct decides on two ranges. Inside a region all are distinct. Across
// regions a range that others reach must not hide behind any range of another
// cluster, which would route it to itself. Service addresses never leave
// their cluster, and neither do an island's pods.
func distinct(a, b span) need {
	if a.region == b.region {
		return must
	}
	if a.kind == "nodes" || b.kind == "nodes" {
		return must
	}
	if a.kind == "services" && b.kind == "services" {
		return needNot
	}
	if a.cassandra() || b.cassandra() {
		return must // whatever is said of isolation
	}
	if a.region.Network.Isolated || b.region.Network.Isolated {
		return needNot
	}
	if a.flat() || b.flat() {
		return must
	}
	if a.kind == "pods" && b.kind == "pods" {
		return should
	}
	return needNot
}

func checkFamilies(p *Pass) {
	var first *topology.Region
	var family string
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		ranges, field := r.CassandraRanges()
		families := familiesOf(ranges)
		switch {
		case len(families) == 0:
		case len(families) > 1:
			p.Report(r.Path(field), "list the family that Cassandra uses", "the %s of %s mix IPv4 and IPv6, so it is unclear which of them Cassandra uses", field, r.Name)
		case first == nil:
			first, family = r, families[0]
		case families[0] != family:
			p.Report(r.Path(field), "", "Cassandra uses %s in %s and %s in %s", families[0], r.Name, family, first.Name)
		}
	}
}

func familiesOf(ranges []string) []string {
	has := map[string]bool{}
	for _, text := range ranges {
		if prefix, err := parseRange(text); err == nil {
			has[familyOf(prefix.Addr())] = true
		}
	}
	var list []string
	for _, f := range []string{"IPv4", "IPv6"} {
		if has[f] {
			list = append(list, f)
		}
	}
	return list
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func checkRoom(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		nodes := room(r.Network.Nodes, 0)
		if nodes < uint64(r.Cassandra.Replicas) && parseable(r.Network.Nodes) {
			p.Report(r.Path("network.nodes"), "", "the node ranges of %s have %d addresses, but %d Cassandra pods need a node each", r.Name, nodes, r.Cassandra.Replicas)
		}
		share := p.Platforms[r.Platform].PodPrefixPerNode.Value
		pods := room(r.Network.Pods, share)
		if pods >= uint64(r.Cassandra.Replicas) || !parseable(r.Network.Pods) {
			continue
		}
		if share == 0 {
			p.Report(r.Path("network.pods"), "", "the pod ranges of %s have %d addresses for %d Cassandra pods", r.Name, pods, r.Cassandra.Replicas)
			continue
		}
		p.Report(r.Path("network.pods"), fmt.Sprintf("a node takes a /%d on %s", share, r.Platform),
			"the pod ranges of %s have room for %d nodes, but %d Cassandra pods need a node each", r.Name, pods, r.Cassandra.Replicas)
	}
}

// room counts the blocks of the given IPv4 prefix length in the ranges, or
// single addresses for 0; IPv6 ranges always have room.
func room(ranges []string, share int) uint64 {
	var total uint64
	for _, text := range ranges {
		prefix, err := parseRange(text)
		if err != nil {
			continue
		}
		unit := share
		if unit == 0 || !prefix.Addr().Is4() {
			unit = prefix.Addr().BitLen()
		}
		if shift := unit - prefix.Bits(); shift >= 0 {
			total += 1 << min(shift, 32)
		}
	}
	return total
}

// parseable reports whether there is any range, and all of them can be read:
// others are reported already.
func parseable(ranges []string) bool {
	for _, text := range ranges {
		if _, err := parseRange(text); err != nil {
			return false
		}
	}
	return len(ranges) > 0
}

func checkIsland(p *Pass) {
	if !p.MultiRegion() {
		return
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.Network.Model == topology.Island && !r.HostNetwork() {
			p.Report(r.Path("network.hostNetwork"), "remove network.hostNetwork from every region: it is on wherever it must be",
				"region %s is an island, so hostNetwork must be on", r.Name)
		}
	}
}

func checkHostNetworkAgrees(p *Pass) {
	var on, off []string
	for i := range p.Spec.Regions {
		if r := &p.Spec.Regions[i]; r.HostNetwork() {
			on = append(on, r.Name)
		} else {
			off = append(off, r.Name)
		}
	}
	if len(on) == 0 || len(off) == 0 {
		return
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if _, defaulted := r.Defaults["network.hostNetwork"]; !defaulted {
			p.Report(r.Path("network.hostNetwork"), "remove network.hostNetwork here, or set it alike in every region",
				"hostNetwork is on in %s and off in %s", strings.Join(on, ", "), strings.Join(off, ", "))
			return
		}
	}
}

func checkHostNetworkNeeded(p *Pass) {
	var asked *topology.Region
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.Network.Model == topology.Island || !r.HostNetwork() {
			return
		}
		if _, defaulted := r.Defaults["network.hostNetwork"]; !defaulted && asked == nil {
			asked = r
		}
	}
	if asked != nil {
		p.Report(asked.Path("network.hostNetwork"), "", "hostNetwork is on, but every region's network is flat")
	}
}
