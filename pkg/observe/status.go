package observe

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Status is one listing of nodetool status: the ring as one node sees it.
type Status struct {
	Datacenters []Datacenter `json:"datacenters"`
	// Seams is true if blank lines part the datacenters. Cassandra 4 prints
	// them so, but then the listings of two rings, one after the other with
	// nothing in between, look like the listing of one. A check that there is
	// one ring needs a further observation then, such as a [Cluster] whose
	// schema versions list every address.
	Seams bool `json:"seams,omitempty"`
}

// A Datacenter is one datacenter of a listing.
type Datacenter struct {
	Name  string     `json:"name"`
	Nodes []RingNode `json:"nodes"`
}

// A RingNode is one row of nodetool status.
type RingNode struct {
	// Status is U for up, D for down, or ? if the asked node does not know.
	Status string `json:"status"`
	// State is N for normal, L for leaving, J for joining, or M for moving.
	State string `json:"state"`
	// Address is zero if the listing has names (-r); then Host is the name.
	Address netip.Addr   `json:"address,omitzero"`
	Host    string       `json:"host,omitempty"`
	Load    Opt[int64]   `json:"load,omitzero"` // bytes
	Tokens  Opt[int64]   `json:"tokens,omitzero"`
	Owns    Opt[float64] `json:"owns,omitzero"` // percent
	HostID  Opt[string]  `json:"hostID,omitzero"`
	Rack    string       `json:"rack"`
}

// UN reports whether the node is up and normal.
func (n RingNode) UN() bool { return n.Status == "U" && n.State == "N" }

// Datacenter returns the datacenter of that name, and whether it is listed.
func (s *Status) Datacenter(name string) (Datacenter, bool) {
	for _, dc := range s.Datacenters {
		if dc.Name == name {
			return dc, true
		}
	}
	return Datacenter{}, false
}

// Addresses returns the addresses of all nodes, sorted.
func (s *Status) Addresses() []netip.Addr {
	var list []netip.Addr
	for _, dc := range s.Datacenters {
		for _, n := range dc.Nodes {
			if n.Address.IsValid() {
				list = append(list, n.Address)
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// Load returns the load of all nodes in bytes; missing if that of one is.
func (d Datacenter) Load() Opt[int64] {
	var sum int64
	for _, n := range d.Nodes {
		load, ok := n.Load.Get()
		if !ok || sum > math.MaxInt64-load {
			return Opt[int64]{}
		}
		sum += load
	}
	return Some(sum)
}

const statusStart = "Datacenter:"

// legend matches what stands between the line of a datacenter and its header.
var legend = regexp.MustCompile(`^(=+|Status=Up/Down.*|\|/ State=.*)$`)

// row matches what begins like a row.
var row = regexp.MustCompile(`^[UD?][NLJM]\s`)

// A listing is a Status while it is read.
type listing struct {
	in       *input
	status   Status
	end      int
	columns  []string
	header   string
	began    line // of the datacenter
	blank    bool // a blank line stands above
	apart    bool // a line of something else stands above
	seen     map[string]bool
	problems []Problem
}

// status reads a listing.
func (in *input) status(at int) int {
	p := &listing{in: in, seen: map[string]bool{}}
	for next := at; next < len(in.data); {
		l := in.line(next)
		if !p.line(l) {
			break
		}
		next = l.end
	}
	p.close()
	if len(p.problems) > 0 {
		in.problems = append(in.problems, p.problems...)
	} else {
		in.observe(at, p.end, Observation{Kind: KindStatus, Status: &p.status})
	}
	return p.end
}

// line takes a line, and reports whether it belongs to the listing.
func (p *listing) line(l line) bool {
	switch {
	case l.text == "":
		p.blank = true
		return true
	case strings.HasPrefix(l.text, statusStart):
		if !p.joins(l) {
			return false
		}
		p.begin(l)
	case begins(l.text), l.text[0] == '{':
		return false
	case noise.MatchString(l.text):
		p.apart = true
		return true
	case strings.HasPrefix(l.text, "--"):
		p.head(l)
	case len(p.columns) == 0 && legend.MatchString(l.text):
	case row.MatchString(l.text) || !p.blank:
		p.row(l)
	default:
		return false
	}
	p.end, p.blank = l.end, false
	return true
}

// joins reports whether a datacenter is in the same listing as those before
// it. A listing has them in order, once each, all with the same header, and
// parts either all or none by a blank line.
func (p *listing) joins(l line) bool {
	n := len(p.status.Datacenters)
	if n == 0 {
		return true
	}
	return !p.apart && datacenterName(l) > p.status.Datacenters[n-1].Name &&
		(n == 1 || p.blank == p.status.Seams) && p.sameHeader(l)
}

// sameHeader reports whether the next header reads like the last, column
// widths included, which a listing shares among its datacenters.
func (p *listing) sameHeader(l line) bool {
	for range 5 {
		if l.end >= len(p.in.data) {
			break
		}
		if l = p.in.line(l.end); strings.HasPrefix(l.text, "--") {
			return l.text == p.header
		}
	}
	return true // without a header it is a problem soon
}

func datacenterName(l line) string {
	return strings.TrimSpace(strings.TrimPrefix(l.text, statusStart))
}

func (p *listing) begin(l line) {
	p.close()
	p.status.Seams = len(p.status.Datacenters) > 0 && p.blank
	p.status.Datacenters = append(p.status.Datacenters, Datacenter{Name: datacenterName(l)})
	p.columns, p.began = nil, l
	if datacenterName(l) == "" {
		p.bad(l, "a datacenter without a name")
	}
}

// close ends the last datacenter.
func (p *listing) close() {
	n := len(p.status.Datacenters)
	if n > 0 && len(p.status.Datacenters[n-1].Nodes) == 0 && len(p.problems) == 0 {
		p.bad(p.began, "a datacenter without nodes: the listing is cut off")
	}
}

func (p *listing) bad(l line, message string) {
	p.problems = append(p.problems, Problem{Pos: p.in.pos(l.start), Object: string(KindStatus), Message: message, Hint: "run it again and keep all of its output"})
}

var twoWords = strings.NewReplacer("Owns (effective)", "Owns", "Host ID", "Host-ID")

// head takes the header of a datacenter.
func (p *listing) head(l line) {
	columns := strings.Fields(twoWords.Replace(l.text))[1:]
	has := map[string]bool{}
	for _, c := range columns {
		if cells[c] == nil || has[c] {
			p.bad(l, "a header with a column that nodetool status does not have, or has once")
			return
		}
		has[c] = true
	}
	if len(p.columns) > 0 || !has["Address"] || !has["Load"] || !has["Host-ID"] || !has["Rack"] {
		p.bad(l, "a header that lacks Address, Load, Host ID or Rack, or comes twice")
		return
	}
	p.columns, p.header = columns, l.text
}

// row takes a row of a datacenter.
func (p *listing) row(l line) {
	if len(p.columns) == 0 {
		if len(p.problems) == 0 {
			p.bad(l, "a row above the header of its datacenter")
		}
		return
	}
	n, reason := parseRow(strings.Fields(l.text), p.columns)
	if reason == "" {
		reason = p.repeats(n)
	}
	if reason != "" {
		p.bad(l, reason)
		return
	}
	dc := &p.status.Datacenters[len(p.status.Datacenters)-1]
	dc.Nodes = append(dc.Nodes, n)
}

// repeats says what of a node another row has had before.
func (p *listing) repeats(n RingNode) string {
	address := n.Host
	if n.Address.IsValid() {
		address = n.Address.String()
	}
	id := "id " + n.HostID.Or("")
	if p.seen[address] || n.HostID.ok && p.seen[id] {
		return "a second row of one address or one host ID"
	}
	p.seen[address], p.seen[id] = true, true
	return ""
}

// parseRow reads the words of a row, or says what is wrong with it.
func parseRow(words, columns []string) (n RingNode, reason string) {
	if !isStatus(words[0]) {
		return n, "a row that begins with none of U, D and ?, then N, L, J or M"
	}
	n.Status, n.State = words[0][:1], words[0][1:]
	words = words[1:]
	for _, c := range columns {
		if len(words) == 0 {
			return n, "a row that is cut off before its " + strings.Replace(c, "-", " ", 1)
		}
		used := cells[c](&n, words)
		if used == 0 {
			return n, "a row whose " + strings.Replace(c, "-", " ", 1) + " is not understood"
		}
		words = words[used:]
	}
	if len(words) > 0 {
		return n, "a row with more in it than its header has columns"
	}
	return n, ""
}

var (
	uuid     = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	isStatus = regexp.MustCompile(`^[UD?][NLJM]$`).MatchString
	hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)
	letter   = regexp.MustCompile(`[A-Za-z]`)
	rackName = regexp.MustCompile(`^[\p{L}\p{N}_.:@/+-]+$`)
	decimal  = regexp.MustCompile(`^\d*\.?\d+$`)
)

// cells reads the cell of a column from the words left in a row, and returns
// how many it used, 0 if they are none of it.
var cells = map[string]func(n *RingNode, words []string) int{
	"Address": func(n *RingNode, words []string) int {
		if a, ok := parseAddr(words[0]); ok {
			n.Address = a
			return 1
		}
		if !hostname.MatchString(words[0]) || !letter.MatchString(words[0]) {
			return 0
		}
		n.Host = words[0]
		return 1
	},
	"Load": func(n *RingNode, words []string) int {
		if words[0] == "?" {
			return 1
		}
		for used := 1; used <= min(2, len(words)); used++ {
			if size, ok := parseSize(strings.Join(words[:used], " ")); ok {
				n.Load = Some(size)
				return used
			}
		}
		return 0
	},
	"Tokens": func(n *RingNode, words []string) int {
		tokens, err := strconv.ParseUint(words[0], 10, 31)
		if err != nil {
			return 0
		}
		n.Tokens = Some(int64(tokens))
		return 1
	},
	"Owns": func(n *RingNode, words []string) int {
		if words[0] == "?" {
			return 1
		}
		digits, ok := strings.CutSuffix(words[0], "%")
		owns, err := strconv.ParseFloat(digits, 64)
		if !ok || err != nil || !decimal.MatchString(digits) || owns > 100 {
			return 0
		}
		n.Owns = Some(owns)
		return 1
	},
	"Host-ID": func(n *RingNode, words []string) int {
		switch {
		case words[0] == "null" || words[0] == "?":
		case !uuid.MatchString(words[0]):
			return 0
		default:
			n.HostID = Some(words[0])
		}
		return 1
	},
	"Token": func(_ *RingNode, words []string) int {
		if _, err := strconv.ParseInt(words[0], 10, 64); err != nil {
			return 0
		}
		return 1
	},
	"Rack": func(n *RingNode, words []string) int {
		if !rackName.MatchString(words[0]) {
			return 0 // such as JSON that follows without a newline
		}
		n.Rack = words[0]
		return 1
	},
}

// parseAddr reads an address as Cassandra prints it: 10.0.0.1, /10.0.0.1,
// host/10.0.0.1, each with a port or without.
func parseAddr(s string) (netip.Addr, bool) {
	s = s[strings.LastIndexByte(s, '/')+1:]
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), true
	}
	a, err := netip.ParseAddrPort(s)
	return a.Addr().Unmap(), err == nil
}

// units are in bytes. Cassandra's KB are KiB by another name.
var units = map[string]float64{
	"byte": 1, "bytes": 1, "B": 1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
	"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50,
}

// parseSize reads a size such as 68.07 GiB, with or without the space.
func parseSize(s string) (bytes int64, ok bool) {
	number := strings.TrimRight(s, "BKMGTPibytes")
	unit, ok := units[s[len(number):]]
	number = strings.TrimSuffix(number, " ")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !decimal.MatchString(number) || v*unit >= 1<<62 {
		return 0, false
	}
	return int64(math.Round(v * unit)), true
}
