package observe

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// NetStats is the output of nodetool netstats: what one node streams.
type NetStats struct {
	// Mode is STARTING, NORMAL, JOINING, LEAVING, MOVING, DECOMMISSIONED, ….
	Mode string `json:"mode"`
	// Streams is empty if the node says that it streams nothing.
	Streams []Stream `json:"streams,omitempty"`
}

// A Stream is one streaming plan, such as a Rebuild.
type Stream struct {
	Operation string    `json:"operation"`
	Plan      string    `json:"plan"`
	Sessions  []Session `json:"sessions,omitempty"`
}

// A Session is a stream's traffic with one peer.
type Session struct {
	Peer      netip.Addr    `json:"peer"`
	Receiving Opt[Transfer] `json:"receiving,omitzero"`
	Sending   Opt[Transfer] `json:"sending,omitzero"`
}

// A Transfer counts files and bytes: of all, and of those that are through.
type Transfer struct {
	Files     int64 `json:"files"`
	Bytes     int64 `json:"bytes"`
	FilesDone int64 `json:"filesDone"`
	BytesDone int64 `json:"bytesDone"`
}

// Receiving returns how many sessions receive, and their sum.
func (n *NetStats) Receiving() (sessions int, sum Transfer) {
	return n.sum(func(s Session) Opt[Transfer] { return s.Receiving })
}

// Sending returns how many sessions send, and their sum.
func (n *NetStats) Sending() (sessions int, sum Transfer) {
	return n.sum(func(s Session) Opt[Transfer] { return s.Sending })
}

func (n *NetStats) sum(side func(Session) Opt[Transfer]) (sessions int, sum Transfer) {
	for _, stream := range n.Streams {
		for _, s := range stream.Sessions {
			if t, ok := side(s).Get(); ok {
				sessions++
				sum.Files += t.Files
				sum.Bytes += t.Bytes
				sum.FilesDone += t.FilesDone
				sum.BytesDone += t.BytesDone
			}
		}
	}
	return sessions, sum
}

var (
	netStatsStart = regexp.MustCompile(`^Mode: [A-Z_]+$`)
	streamHead    = regexp.MustCompile(`^([A-Z][A-Za-z -]*) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	peerHead      = regexp.MustCompile(`^(\S*/\S+)( \(using \S+\))?$`)
	transfer      = regexp.MustCompile(`^(Receiving|Sending) (\d+) files, (.+) total\. Already (?:received|sent) (\d+) files(?: \([^)]*\))?, (.+) total(?: \([^)]*\))?$`)
	// netStatsRest matches what is not read: progress by file, and counters.
	netStatsRest = regexp.MustCompile(`bytes\s*\(\d+%\)\s+(received from|sent to) |^(Read Repair Statistics:|Attempted: \d+|Mismatch \(\w+\): \d+|Pool Name\s+Active\s.*|(Large|Small|Gossip) messages\s.*|Commands\s+n/a\s.*|Responses\s+n/a\s.*)$`)
)

// A traffic is a NetStats while it is read.
type traffic struct {
	stats NetStats
	idle  bool // it says that it streams nothing
}

// netStats reads the output of nodetool netstats.
func (in *input) netStats(at int) int {
	first := in.line(at)
	p := traffic{stats: NetStats{Mode: strings.TrimPrefix(first.text, "Mode: ")}}
	end, worst, reason := in.takeLines(first, p.line)
	if reason == "" && p.idle == (len(p.stats.Streams) > 0) {
		reason = "the output neither lists a stream nor says that there is none: it is cut off"
	}
	if reason != "" {
		in.incomplete(worst, KindNetStats, reason)
	} else {
		in.observe(at, end, Observation{Kind: KindNetStats, NetStats: &p.stats})
	}
	return end
}

// line takes a line, and reports whether it belongs to the output and what is
// wrong with it.
func (p *traffic) line(text string) (ok bool, reason string) {
	if text == "Not sending any streams." {
		p.idle = true
		return true, ""
	}
	if m := streamHead.FindStringSubmatch(text); m != nil {
		p.stats.Streams = append(p.stats.Streams, Stream{Operation: m[1], Plan: m[2]})
		return true, ""
	}
	if netStatsRest.MatchString(text) {
		return true, ""
	}
	if m := peerHead.FindStringSubmatch(text); m != nil && len(p.stats.Streams) > 0 {
		peer, ok := parseAddr(m[1])
		if !ok {
			return true, "the peer of a stream is no address"
		}
		last := &p.stats.Streams[len(p.stats.Streams)-1]
		last.Sessions = append(last.Sessions, Session{Peer: peer})
		return true, ""
	}
	if !strings.HasPrefix(text, "Receiving ") && !strings.HasPrefix(text, "Sending ") {
		return false, ""
	}
	if !p.transfer(text) {
		return true, "a line of a transfer is cut off or not understood, or stands under no peer"
	}
	return true, ""
}

// transfer takes the line of one direction of a session.
func (p *traffic) transfer(text string) bool {
	m := transfer.FindStringSubmatch(text)
	n := len(p.stats.Streams)
	if m == nil || n == 0 || len(p.stats.Streams[n-1].Sessions) == 0 {
		return false
	}
	var t Transfer
	ok := true
	number := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 40)
		ok = ok && err == nil
		return v
	}
	size := func(s string) int64 {
		v, sized := parseSize(s)
		ok = ok && sized && v < 1<<56
		return v
	}
	t.Files, t.Bytes, t.FilesDone, t.BytesDone = number(m[2]), size(m[3]), number(m[4]), size(m[5])
	s := &p.stats.Streams[n-1].Sessions[len(p.stats.Streams[n-1].Sessions)-1]
	side := &s.Receiving
	if m[1] == "Sending" {
		side = &s.Sending
	}
	if !ok || side.ok {
		return false
	}
	*side = Some(t)
	return true
}
