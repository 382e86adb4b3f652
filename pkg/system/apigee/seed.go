package apigee

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/system"
)

// Seed implements [system.Ring]. The topology's seed host wins; without one it
// is the address of the first Cassandra pod of the source that is ready, or
// the first that the source's ApigeeDatastore lists in cassandraPodIps.
func (g *ring) Seed(region string, q system.Question) (host, from, reason string) {
	r := g.Region(region)
	source := g.Region(r.ExpandFrom)
	switch {
	case r.SeedHost != "":
		return r.SeedHost, "the topology", ""
	case source == nil:
		return "", "", fmt.Sprintf("region %s has no source to take a seed host from", region)
	}
	fresh := q.Seen[:0:0]
	for _, o := range q.Seen {
		if o.Namespace == g.Spec.Namespace && !o.Taken.Before(q.Since) && !o.Taken.After(q.Now.Add(q.MaxSkew)) {
			fresh = append(fresh, o)
		}
	}
	ranges, _ := source.CassandraRanges()
	known := map[string]bool{}
	for _, o := range newestFirst(fresh.Pods()) {
		if known[o.Name] {
			continue // an older observation of the pod
		}
		known[o.Name] = true
		if address := firstIn(ranges, o.Pod.IPs); address != "" && servesCassandra(&o) {
			return address, o.Object() + " of region " + source.Name, ""
		}
	}
	for _, o := range newestFirst(fresh.Datastores()) {
		d := o.Datastore
		address := firstIn(ranges, parseAddresses(d.Status.CassandraPodIPs))
		if address != "" && d.Meta.Deleted.IsZero() && d.Spec.Cassandra.Datacenter.Is(source.Datacenter) {
			return address, o.Object() + " of region " + source.Name + ": status.cassandraPodIps", ""
		}
	}
	return "", "", fmt.Sprintf("region %s has no seed host, and nothing that was observed in the last hour tells one: no ready Cassandra pod and no ApigeeDatastore of %s", region, source.Datacenter)
}

// servesCassandra reports whether a pod is one of Cassandra's, ready, and stays.
func servesCassandra(o *observe.Observation) bool {
	return strings.HasPrefix(o.Name, cassandraPods) && o.Pod.Meta.Deleted.IsZero() && o.Pod.Ready.Is("True")
}

// newestFirst keeps the order of those that were taken at one time.
func newestFirst(some observe.Set) observe.Set {
	slices.SortStableFunc(some, func(a, b observe.Observation) int { return b.Taken.Compare(a.Taken) })
	return some
}

func parseAddresses(texts []string) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, a)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses
}

// firstIn returns the first address that lies in one of the ranges, or "".
func firstIn(ranges []string, addresses []netip.Addr) string {
	for _, text := range ranges {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			continue
		}
		if i := slices.IndexFunc(addresses, prefix.Contains); i >= 0 {
			return addresses[i].String()
		}
	}
	return ""
}
