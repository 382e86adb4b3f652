package observe

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Cluster is the output of nodetool describecluster: what one node knows of
// the whole ring. What Cassandra 3 does not print is missing.
type Cluster struct {
	Name        string `json:"name"`
	Snitch      string `json:"snitch"`
	Partitioner string `json:"partitioner"`
	// Schema has each schema version with the nodes that have it, and
	// Unreachable those that did not answer.
	Schema      []Version    `json:"schema"`
	Unreachable []netip.Addr `json:"unreachable,omitempty"`
	// Database has each version of Cassandra with the nodes that run it.
	Database    []Version         `json:"database,omitempty"`
	Datacenters []DatacenterCount `json:"datacenters,omitempty"`
}

// Addresses returns the addresses that the schema versions list, those that
// did not answer included, sorted.
func (c *Cluster) Addresses() []netip.Addr {
	list := slices.Clone(c.Unreachable)
	for _, v := range c.Schema {
		list = append(list, v.Addresses...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// A Version is a version with the nodes that have it.
type Version struct {
	Version   string       `json:"version"`
	Addresses []netip.Addr `json:"addresses"`
}

// DatacenterCount counts the nodes of a datacenter, and those that are down.
type DatacenterCount struct {
	Name  string `json:"name"`
	Nodes int64  `json:"nodes"`
	Down  int64  `json:"down"`
}

const clusterStart = "Cluster Information:"

var (
	versionLine    = regexp.MustCompile(`^(\S+): \[(.*)\]$`)
	datacenterLine = regexp.MustCompile(`^(\S+) #Nodes: (\d{1,9}) #Down: (\d{1,9})$`)
	statLine       = regexp.MustCompile(`^(Live|Joining|Moving|Leaving|Unreachable): \d+$`)
	keyspaceLine   = regexp.MustCompile(`^\S+ -> Replication class: `)
)

// A description is a Cluster while it is read.
type description struct {
	cluster Cluster
	section string // the last line that ended in a colon
}

// cluster reads the output of nodetool describecluster.
func (in *input) cluster(at int) int {
	first := in.line(at)
	p := description{section: first.text}
	end, worst, reason := in.takeLines(first, p.line)
	c := p.cluster
	if reason == "" && (c.Name == "" || c.Snitch == "" || c.Partitioner == "" || len(c.Schema) == 0) {
		reason = "the name, snitch, partitioner or schema versions are missing: the output is cut off"
	}
	if reason != "" {
		in.incomplete(worst, KindCluster, reason)
	} else {
		in.observe(at, end, Observation{Kind: KindCluster, Cluster: &c})
	}
	return end
}

// line takes a line, and reports whether it belongs to the output and what is
// wrong with it.
func (p *description) line(text string) (ok bool, reason string) {
	switch text {
	case "Schema versions:", "Stats for all nodes:", "Data Centers:", "Database versions:", "Keyspaces:":
		p.section = text
		return true, ""
	case clusterStart:
		return false, ""
	}
	if begins(text) || text[0] == '{' {
		return false, ""
	}
	switch p.section {
	case clusterStart:
		return p.named(text), ""
	case "Schema versions:":
		return p.version(text, &p.cluster.Schema)
	case "Database versions:":
		return p.version(text, &p.cluster.Database)
	case "Data Centers:":
		return p.datacenter(text)
	case "Stats for all nodes:":
		return statLine.MatchString(text) || strings.HasPrefix(text, "Error: "), ""
	}
	return keyspaceLine.MatchString(text), ""
}

// named takes a line of the first section.
func (p *description) named(text string) bool {
	name, v, _ := strings.Cut(text, ": ")
	switch name {
	case "Name":
		p.cluster.Name = v
	case "Snitch":
		p.cluster.Snitch = v
	case "Partitioner":
		p.cluster.Partitioner = v
	case "DynamicEndPointSnitch":
	default:
		return false
	}
	return true
}

// version takes a line of nodes by version.
func (p *description) version(text string, list *[]Version) (ok bool, reason string) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		if strings.Contains(text, ": [") {
			return true, "a list of nodes by version is cut off"
		}
		return false, ""
	}
	addresses := []netip.Addr{}
	for _, s := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }) {
		a, ok := parseAddr(s)
		if !ok {
			return true, "a list of nodes by version has what is no address"
		}
		addresses = append(addresses, a)
	}
	switch {
	case len(addresses) == 0:
		return true, "a version without nodes"
	case m[1] == "UNREACHABLE":
		p.cluster.Unreachable = append(p.cluster.Unreachable, addresses...)
	default:
		*list = append(*list, Version{m[1], addresses})
	}
	return true, ""
}

func (p *description) datacenter(text string) (ok bool, reason string) {
	m := datacenterLine.FindStringSubmatch(text)
	if m == nil {
		if strings.Contains(text, "#Nodes:") {
			return true, "the count of a datacenter is cut off"
		}
		return false, ""
	}
	nodes, _ := strconv.ParseInt(m[2], 10, 64) // digits, few enough
	down, _ := strconv.ParseInt(m[3], 10, 64)
	p.cluster.Datacenters = append(p.cluster.Datacenters, DatacenterCount{m[1], nodes, down})
	return true, ""
}

// takeLines reads the lines of an output after its first as long as take says
// that they belong to it. It returns where the output ends, and the first line
// of which take says what is wrong, with that; the output's first line if
// nothing is.
func (in *input) takeLines(first line, take func(text string) (ok bool, reason string)) (end int, worst line, reason string) {
	end, worst = first.end, first
	for next := end; next < len(in.data); {
		l := in.line(next)
		next = l.end
		if l.text == "" || noise.MatchString(l.text) {
			continue
		}
		ok, bad := take(l.text)
		if bad != "" && reason == "" {
			reason, worst = bad, l
		}
		if !ok {
			break
		}
		end = l.end
	}
	return end, worst, reason
}

// incomplete reports an output that cannot be read as a whole.
func (in *input) incomplete(at line, kind Kind, reason string) {
	in.problems = append(in.problems, Problem{Pos: in.pos(at.start), Object: string(kind), Message: reason, Hint: "run it again and keep all of its output"})
}
