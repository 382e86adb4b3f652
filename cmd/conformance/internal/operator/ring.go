package operator

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Ring is what the Cassandra nodes of all regions know of each other.
type Ring struct {
	mu          sync.Mutex
	datacenters []datacenter // in the order in which they joined
}

type datacenter struct {
	name, rack string
	addresses  []string
	full       bool // it holds data, not only schema
}

// join adds a datacenter, or changes it if it is there.
func (r *Ring) join(joined datacenter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.find(joined.name); i >= 0 {
		joined.full = joined.full || r.datacenters[i].full
		r.datacenters[i] = joined
		return
	}
	r.datacenters = append(r.datacenters, joined)
}

func (r *Ring) find(name string) int {
	return slices.IndexFunc(r.datacenters, func(d datacenter) bool { return d.name == name })
}

// leave removes a datacenter.
func (r *Ring) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.datacenters = slices.DeleteFunc(r.datacenters, func(d datacenter) bool { return d.name == name })
}

// fill says that a datacenter holds the data now.
func (r *Ring) fill(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.find(name); i >= 0 {
		r.datacenters[i].full = true
	}
}

// has tells whether a datacenter is in the ring and holds data.
func (r *Ring) has(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(name)
	return i >= 0 && r.datacenters[i].full
}

// others tells whether a datacenter besides the named one is in the ring, and
// whether the address is one of theirs.
func (r *Ring) others(name, address string) (there, reached bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.datacenters {
		if d.name == name {
			continue
		}
		there = true
		reached = reached || slices.Contains(d.addresses, address)
	}
	return there, reached
}

// Status is what nodetool status prints of the ring.
func (r *Ring) Status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text strings.Builder
	for _, d := range r.datacenters {
		load := "78.6 KiB"
		if d.full {
			load = "71.6 GiB"
		}
		fmt.Fprintf(&text, "Datacenter: %s\n%s\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n", d.name, strings.Repeat("=", 12+len(d.name)))
		fmt.Fprintln(&text, "--  Address      Load       Tokens  Owns  Host ID                               Rack")
		for _, address := range d.addresses {
			fmt.Fprintf(&text, "UN  %-11s  %s   256     ?     %s  %s\n", address, load, hostID(address), d.rack)
		}
	}
	return text.String()
}

// hostID is a UUID that belongs to an address.
func hostID(address string) string {
	sum := sha256.Sum256([]byte(address))
	digits := fmt.Sprintf("%x", sum)
	return digits[:8] + "-" + digits[8:12] + "-4" + digits[12:15] + "-8" + digits[15:18] + "-" + digits[18:30]
}
