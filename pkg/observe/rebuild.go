package observe

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// A RebuildLog is what Cassandra's log says of rebuilds, in order.
type RebuildLog struct {
	Events []RebuildEvent `json:"events"`
}

// RebuildEvent is one line of such a log. What the line does not say is empty.
type RebuildEvent struct {
	Event Event `json:"event"`
	// Pod is the pod whose log it is, with kubectl logs --prefix.
	Pod string `json:"pod,omitempty"`
	// Clock is the time of day on the line; Logged the whole time, with
	// kubectl logs --timestamps, else zero.
	Clock  Clock     `json:"clock"`
	Logged time.Time `json:"logged,omitzero"`
	// Source is the datacenter to rebuild from.
	Source string `json:"source,omitempty"`
	// Stream is the streaming plan, and Operation what it is for: Rebuild,
	// or something else whose sessions are not those of a rebuild.
	Stream    string `json:"stream,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Peer is the other node of a session, and State how the session ended.
	Peer  netip.Addr `json:"peer,omitzero"`
	State string     `json:"state,omitempty"`
	// Message is why something failed.
	Message string `json:"message,omitempty"`
}

// An Event says what a line of the log is.
type Event string

// The events: a rebuild begins, a plan begins to stream, one of its sessions
// ends, all have ended well, something failed.
const (
	EventStarted   Event = "started"
	EventStreaming Event = "streaming"
	EventSession   Event = "session"
	EventCompleted Event = "completed"
	EventFailed    Event = "failed"
)

// A Clock is a time of day in seconds. A log line has no date.
type Clock int32

// String returns HH:MM:SS.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d:%02d", c/3600, c/60%60, c%60) }

// MarshalText writes HH:MM:SS.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads HH:MM:SS.
func (c *Clock) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.TimeOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is no time of day such as 01:42:24", text)
	}
	*c = Clock(t.Hour()*3600 + t.Minute()*60 + t.Second())
	return nil
}

// Until returns how long it is until a later time of day, less than a day.
func (c Clock) Until(later Clock) time.Duration {
	const day = 24 * 60 * 60
	return time.Duration((later-c+day)%day) * time.Second
}

// A Rebuild is one attempt that a log tells of, from its first line.
type Rebuild struct {
	Pod, Source string
	Start, End  Clock // End is that of the last line about it
	// Sessions counts those that are complete.
	Sessions int
	// Complete is true once all sessions are, and nothing has failed.
	Complete bool
	// Failure is why it failed, or empty.
	Failure string
}

// Rebuilds returns the attempts in the log. Sessions of other streams, or of
// streams that began before the log, are no part of them.
func (l *RebuildLog) Rebuilds() []Rebuild {
	var list []Rebuild
	current := map[string]int{} // by pod, and by pod and stream
	for _, e := range l.Events {
		if e.Event == EventStarted {
			current[e.Pod] = len(list)
			list = append(list, Rebuild{Pod: e.Pod, Source: e.Source, Start: e.Clock, End: e.Clock})
			continue
		}
		if i, ok := current[e.Pod]; ok && e.Event == EventStreaming && e.Operation == "Rebuild" {
			current[e.Pod+" "+e.Stream] = i
		}
		key := e.Pod
		if e.Stream != "" {
			key += " " + e.Stream
		}
		if i, ok := current[key]; ok {
			list[i].add(e)
		}
	}
	return list
}

func (r *Rebuild) add(e RebuildEvent) {
	r.End = e.Clock
	switch {
	case e.Event == EventFailed && r.Failure == "":
		r.Failure = e.Message
	case e.Event == EventSession && e.State == "complete":
		r.Sessions++
	case e.Event == EventSession && r.Failure == "":
		r.Failure = "a session with " + e.Peer.String() + " is " + e.State
	case e.Event == EventCompleted:
		r.Complete = true
	}
	r.Complete = r.Complete && r.Failure == ""
}

var (
	// logLine matches a line of Cassandra's log: prefix and time of kubectl
	// logs, level, thread, date, time, place in the code, message.
	logLine = regexp.MustCompile(`^(?:\[pod/([^/\]]+)/[^\]]*\] )?(?:(\d{4}-\d\d-\d\dT\S+Z) )?(TRACE|DEBUG|INFO|WARN|ERROR)\s+(?:\[.*?\]\s+)?(?:\d{4}-\d\d-\d\d[ T])?(\d\d:\d\d:\d\d)(?:[.,]\d+)?\s+(?:[\w$.]+:\d+ - |- )?(.*)$`)
	// logMore matches the lines that follow one of an exception.
	logMore = regexp.MustCompile(`^(at [\w$.]+|Caused by: |\.\.\. \d+ |Suppressed: |([\w$]+\.)+[\w$]*(Exception|Error)\b|Session peer )`)

	rebuildStart = regexp.MustCompile(`^rebuild from dc: ([^,]+)(?:, |$)`)
	streamLine   = regexp.MustCompile(`^\[Stream #([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:,? ID#\d+)?\] (.*)$`)
	streamPlan   = regexp.MustCompile(`^Executing streaming plan for (.+)$`)
	sessionEnd   = regexp.MustCompile(`^Session with (\S+) is (\w+)$`)
	streamFailed = regexp.MustCompile(`^(Stream failed|Stream aborted|Streaming error occurred|Streaming aborted|Remote peer \S+ failed stream session)`)
	failure      = regexp.MustCompile(`Error while rebuilding node|Unable to find sufficient sources for streaming range|Node is still rebuilding|Interrupted while waiting on rebuild`)
)

// A logPart is a RebuildLog while it is read.
type logPart struct {
	log     RebuildLog
	open    bool // the last line began an event, which further lines explain
	errors  bool // there is an error that is not of a rebuild
	problem *Problem
}

// log reads lines of a log, and keeps those about rebuilds.
func (in *input) log(at int) int {
	var p logPart
	end := at
	for next := at; next < len(in.data); {
		l := in.line(next)
		next = l.end
		if p.take(in, l) {
			end = l.end
		} else if l.text != "" && (observedAt.MatchString(l.text) || !noise.MatchString(l.text)) {
			break
		}
	}
	switch {
	case p.problem != nil:
		in.problems = append(in.problems, *p.problem)
	case len(p.log.Events) > 0:
		in.observe(at, end, Observation{Kind: KindRebuild, Rebuild: &p.log})
	case p.errors:
		in.problem(at, count(string(in.data[at:end]))+" of a Cassandra log with errors, and nothing of a rebuild", accepted)
	case in.quiet < 0:
		in.quiet = at
	}
	return end
}

// take takes a line, and reports whether it is of the log.
func (p *logPart) take(in *input, l line) bool {
	m := logLine.FindStringSubmatch(l.text)
	if m == nil {
		return p.more(l.text)
	}
	e, ok, reason := parseEvent(m)
	if reason != "" && p.problem == nil {
		p.problem = &Problem{Pos: in.pos(l.start), Object: string(KindRebuild), Message: reason}
	}
	if p.open = ok; ok {
		p.log.Events = append(p.log.Events, e)
	}
	p.errors = p.errors || !ok && m[3] == "ERROR"
	return true
}

// more takes a line that explains the one above. Of those below a failure the
// first says why.
func (p *logPart) more(text string) bool {
	if !logMore.MatchString(text) {
		return false
	}
	if n := len(p.log.Events); p.open && p.log.Events[n-1].Event == EventFailed {
		p.log.Events[n-1].Message = short(strings.TrimSuffix(p.log.Events[n-1].Message, ":") + ": " + text)
	}
	p.open = false
	return true
}

// parseEvent reads the parts of a log line, and reports whether it tells of a
// rebuild and what is wrong with it.
func parseEvent(m []string) (e RebuildEvent, ok bool, reason string) {
	e.Pod = m[1]
	message := m[5]
	if stream := streamLine.FindStringSubmatch(message); stream != nil {
		e.Stream, message = stream[1], stream[2]
	}
	if !e.classify(message) {
		return e, false, ""
	}
	if e.Event == EventSession && !e.Peer.IsValid() {
		return e, false, "the peer of a session is no address"
	}
	if e.Clock.UnmarshalText([]byte(m[4])) != nil {
		return e, false, "the time of a line is none"
	}
	if m[2] != "" {
		if e.Logged, ok = parseTime(m[2]); !ok {
			return e, false, "the timestamp of a line is none"
		}
	}
	return e, true, ""
}

// classify sets what the message says, and reports whether it is of a rebuild.
func (e *RebuildEvent) classify(message string) bool {
	if m := rebuildStart.FindStringSubmatch(message); m != nil {
		e.Event, e.Source = EventStarted, m[1]
		return true
	}
	if failure.MatchString(message) || e.Stream != "" && streamFailed.MatchString(message) {
		e.Event, e.Message = EventFailed, short(message)
		return true
	}
	if e.Stream == "" {
		return false
	}
	if m := streamPlan.FindStringSubmatch(message); m != nil {
		e.Event, e.Operation = EventStreaming, m[1]
		return true
	}
	if m := sessionEnd.FindStringSubmatch(message); m != nil {
		e.Event, e.State = EventSession, m[2]
		e.Peer, _ = parseAddr(m[1])
		return true
	}
	if message == "All sessions completed" {
		e.Event = EventCompleted
		return true
	}
	return false
}

// short cuts a message to a sane length.
func short(message string) string {
	if r := []rune(message); len(r) > 400 {
		return string(r[:400]) + "…"
	}
	return strings.TrimSpace(message)
}
