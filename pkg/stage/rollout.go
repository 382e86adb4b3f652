package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Rollout is where every region of a ring stands. Regions that have never
// left planned are not listed. The zero Rollout is a ring that is not begun.
type Rollout struct {
	Topology string
	// Step is the number of records that the rollout is made of, and Head the
	// digest of the last of them.
	Step    int
	Head    string
	Regions []Progress
}

// Progress is where one region stands.
type Progress struct {
	Region    string `json:"region"`
	Procedure string `json:"procedure,omitempty"`
	Phase     Phase  `json:"phase"`
	// Since is when the phase began.
	Since time.Time `json:"since,omitzero"`
	// Source is the region that this one is built from, until it rests, and
	// SeedHost the address by which it joins, until a phase drops it; both as
	// they were when the procedure started.
	Source   string `json:"source,omitempty"`
	SeedHost string `json:"seedHost,omitempty"`
	// Retries counts how often a phase was aborted since then.
	Retries int `json:"retries,omitempty"`
	// Facts are what the topology said of the region when it was last proven
	// or its procedure started.
	Facts map[string]string `json:"facts,omitempty"`
	// Evidence is the path of the record that brought the region here.
	Evidence string `json:"evidence,omitempty"`
}

// A Fact is a property of a region that must not change unnoticed while the
// ring relies on it.
type Fact struct {
	Name, Value string
	// Path is that of the field in the topology.
	Path string
	// Fixed is true if it can never change while the region is in the ring.
	Fixed bool
}

// At returns the progress of a region.
func (r Rollout) At(region string) Progress {
	for _, p := range r.Regions {
		if p.Region == region {
			return p
		}
	}
	return Progress{Region: region, Phase: Planned}
}

// With returns the rollout with that progress of its region.
func (r Rollout) With(p Progress) Rollout {
	r.Regions = slices.Clone(r.Regions)
	for i := range r.Regions {
		if r.Regions[i].Region == p.Region {
			r.Regions[i] = p
			return r
		}
	}
	r.Regions = append(r.Regions, p)
	return r
}

// Moving returns the progress of the regions that move the ring, in the order
// of the rollout; a sound rollout has one at most.
func (r Rollout) Moving(all Procedures) []Progress {
	return slices.DeleteFunc(slices.Clone(r.Regions), func(p Progress) bool { return !all.moves(p) })
}

// A Refusal is why a step may not be taken, or a rollout cannot be.
type Refusal struct {
	Region string `json:"region"`
	// Invariant is the rule that would be broken, such as I3; see
	// pkg/README.md.
	Invariant string `json:"invariant,omitempty"`
	// Message says what is wrong, and Way what to do.
	Message string `json:"message"`
	Way     string `json:"way,omitempty"`
}

// Words returns what is wrong, and the invariant in brackets.
func (r Refusal) Words() string {
	if r.Invariant == "" {
		return r.Message
	}
	return r.Message + " (" + r.Invariant + ")"
}

// String returns the refusal in one line, with what to do.
func (r Refusal) String() string {
	if r.Way == "" {
		return r.Words()
	}
	return r.Words() + ": " + r.Way
}

// Check returns what makes a rollout one that no allowed step leads to: more
// than one region that moves the ring, a source that does not serve, a ring
// without any region that does.
func (r Rollout) Check(all Procedures) []Refusal {
	var refusals []Refusal
	report := func(region, invariant, way, format string, args ...any) {
		refusals = append(refusals, Refusal{region, invariant, fmt.Sprintf(format, args...), way})
	}
	for _, p := range r.Regions {
		if p.Phase.Rests() {
			continue
		}
		procedure := all.Named(p.Procedure)
		if procedure == nil || procedure.Index(p.Phase) < 0 {
			report(p.Region, "", "", "region %s is %s of procedure %q, which there is not", p.Region, p.Phase, p.Procedure)
			continue
		}
		if p.Source != "" && procedure.FromSource && r.At(p.Source).Phase != Serving {
			report(p.Region, "I4", "", "region %s is %s, but its source %s is %s: only a serving region is a source", p.Region, p.Phase, p.Source, r.At(p.Source).Phase)
		}
		if procedure.Drops && !r.served(p.Region) {
			report(p.Region, "I5", "", "region %s leaves the ring, but no other region serves", p.Region)
		}
	}
	if moving := r.Moving(all); len(moving) > 1 {
		var names []string
		for _, p := range moving {
			names = append(names, p.Region+" ("+string(p.Phase)+")")
		}
		for _, p := range moving[1:] {
			report(p.Region, "I3", "finish or abort one of them first", "only one region at a time may move the ring, not %s", strings.Join(names, " and "))
		}
	}
	return refusals
}

// served reports whether a region other than that one serves.
func (r Rollout) served(but string) bool {
	return slices.ContainsFunc(r.Regions, func(p Progress) bool { return p.Region != but && p.Phase == Serving })
}

// Apply returns the rollout after a step, or why the step may not be taken. It
// relies on the answers that the record holds for its gate; who replays a
// record has to answer the gate's checks again.
func (r Rollout) Apply(all Procedures, rec Record) (Rollout, []Refusal) {
	s := step{all: all, before: r, rec: rec, at: r.At(rec.Region)}
	s.check()
	if len(s.refusals) > 0 {
		return r, s.refusals
	}
	after := r.With(s.progress())
	after.Step, after.Head = rec.Step, rec.Digest()
	if refusals := after.Check(all); len(refusals) > 0 {
		return r, refusals
	}
	return after, nil
}

// A step is one record as it is applied.
type step struct {
	all      Procedures
	before   Rollout
	rec      Record
	at       Progress
	refusals []Refusal
}

func (s *step) refuse(invariant, way, format string, args ...any) {
	s.refusals = append(s.refusals, Refusal{s.rec.Region, invariant, fmt.Sprintf(format, args...), way})
}

func (s *step) check() {
	if s.rec.Step != s.before.Step+1 || s.rec.Previous != s.before.Head {
		s.refuse("", "", "step %d does not follow step %d", s.rec.Step, s.before.Step)
	}
	if s.rec.From != s.at.Phase {
		s.refuse("", "", "region %s is %s, not %s", s.rec.Region, s.at.Phase, s.rec.From)
	}
	if last := s.before.last(); s.rec.Time.IsZero() || s.rec.Time.Before(last) {
		s.refuse("", "check the clock of this machine", "the step would be at %s, before the last one at %s", clock(s.rec.Time), clock(last))
	}
	procedure := s.all.Named(s.rec.Procedure)
	if procedure == nil {
		s.refuse("", "", "there is no procedure %q", s.rec.Procedure)
	}
	if len(s.refusals) > 0 {
		return
	}
	switch s.rec.Action {
	case Start:
		s.checkStart(procedure)
	case Advance:
		s.checkAdvance(procedure)
	case Adopt:
		s.checkAdopt(procedure)
	case Abort:
		s.checkAbort()
	default:
		s.refuse("", "", "there is no action %q", s.rec.Action)
	}
}

// last returns when the last step was taken.
func (r Rollout) last() time.Time {
	var last time.Time
	for _, p := range r.Regions {
		if p.Since.After(last) {
			last = p.Since
		}
	}
	return last
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkStart holds a start against the rules for the whole ring.
func (s *step) checkStart(p *Procedure) {
	rec := s.rec
	switch {
	case !p.Startable():
		s.refuse("", "", "procedure %s cannot be started: `ringplan adopt` brings a region in, and `ringplan abort` leaves a phase", p.Name)
	case !p.StartsFrom(rec.From):
		s.refuse("", "", "procedure %s starts from %s, and region %s is %s", p.Name, p.First(), rec.Region, rec.From)
	case rec.To != p.Phases[1].Phase:
		s.refuse("", "", "procedure %s goes from %s to %s, not to %s", p.Name, rec.From, p.Phases[1].Phase, rec.To)
	}
	if len(s.refusals) > 0 {
		return
	}
	if gate := p.Gate(p.First()); gate != nil && (!gate.Optional || len(rec.Results) > 0) {
		s.checkGate(gate)
	}
	s.checkRing(p)
	s.checkSource(p)
	for _, name := range p.Agree {
		s.checkAgree(name)
	}
}

// checkRing looks at where the other regions stand.
func (s *step) checkRing(p *Procedure) {
	for _, other := range s.before.Moving(s.all) {
		if p.MovesRing && other.Region != s.rec.Region {
			s.refuse("I3", "finish it with `ringplan advance "+other.Region+"`, or abort it",
				"region %s is %s: only one region at a time may move the ring", other.Region, other.Phase)
		}
	}
	if p.Drops && !s.before.served(s.rec.Region) {
		s.refuse("I5", "another region has to serve before this one can leave", "no other region than %s serves", s.rec.Region)
	}
	if !p.Founds {
		return
	}
	for _, other := range s.before.Regions {
		if other.Phase.InRing() {
			s.refuse("I4", "set expandFrom to a region that serves", "region %s would start a second ring beside region %s, which is %s", s.rec.Region, other.Region, other.Phase)
		}
	}
}

func (s *step) checkSource(p *Procedure) {
	source := s.rec.Source
	switch {
	case !p.FromSource && source != "":
		s.refuse("I4", "", "procedure %s takes no source, and %s is one", p.Name, source)
	case !p.FromSource:
	case source == "" || source == s.rec.Region:
		s.refuse("I4", "set expandFrom to a region that serves", "region %s has no source", s.rec.Region)
	case s.before.At(source).Phase != Serving:
		s.refuse("I4", "bring "+source+" to serving first, with advance or adopt, or set expandFrom to a region that serves",
			"the source %s is %s: only a serving region is a source", source, s.before.At(source).Phase)
	}
}

// checkAgree compares a fact with that of every region in the ring.
func (s *step) checkAgree(name string) {
	for _, other := range s.before.Regions {
		have, want := s.rec.Facts[name], other.Facts[name]
		if other.Region != s.rec.Region && other.Phase.InRing() && have != want {
			s.refuse("", "make it so in region "+other.Region+" too and record that with `ringplan adopt "+other.Region+"`, or correct the topology",
				"%s of region %s is %s, and of region %s, when it was last proven, %s", name, s.rec.Region, have, other.Region, want)
		}
	}
}

func (s *step) checkAdvance(p *Procedure) {
	switch next := p.Next(s.at.Phase); {
	case s.at.Phase.Rests():
		s.refuse("", "", "region %s is %s: nothing is under way", s.rec.Region, s.at.Phase)
	case s.rec.Procedure != s.at.Procedure:
		s.refuse("", "", "region %s is in procedure %s, not in %s", s.rec.Region, s.at.Procedure, s.rec.Procedure)
	case next == "" || s.rec.To != next:
		s.refuse("I1", "", "procedure %s goes from %s to %s, not to %s", p.Name, s.at.Phase, next, s.rec.To)
	default:
		s.checkGate(p.Gate(s.at.Phase))
	}
}

func (s *step) checkAdopt(p *Procedure) {
	switch {
	case !p.Adopts:
		s.refuse("", "", "procedure %s does not adopt", p.Name)
	case !s.at.Phase.Rests():
		s.refuse("", "finish or abort it first", "region %s is %s", s.rec.Region, s.at.Phase)
	case s.rec.To != Serving:
		s.refuse("", "", "an adopted region is serving, not %s", s.rec.To)
	default:
		s.checkRing(p)
		s.checkGate(p.Gate(p.First()))
	}
}

// checkGate wants the answers of exactly that gate, and every one met.
func (s *step) checkGate(gate *Gate) {
	switch {
	case gate == nil || s.rec.Gate != gate.Name:
		s.refuse("I1", "", "step %d is not for the gate that region %s waits at", s.rec.Step, s.rec.Region)
	case Verdict(s.rec.Results) != Met:
		s.refuse("I1", "", "gate %s is not open", gate.Name)
	}
}

func (s *step) checkAbort() {
	abort := s.all.AbortOf(s.at)
	if abort.To == "" || s.rec.To != abort.To || s.rec.Procedure != abort.Procedure {
		s.refuse("I6", "", "there is no way from %s of procedure %s to %s of %s by abort", s.at.Phase, s.at.Procedure, s.rec.To, s.rec.Procedure)
	}
}

// progress returns where a checked step brings its region.
func (s *step) progress() Progress {
	rec := s.rec
	p := Progress{Region: rec.Region, Procedure: rec.Procedure, Phase: rec.To, Since: rec.Time, Evidence: rec.Path(), Facts: s.at.Facts}
	if len(rec.Facts) > 0 {
		p.Facts = maps.Clone(rec.Facts)
	}
	if !rec.To.InRing() {
		p.Facts = nil
	}
	if rec.To.Rests() {
		return p
	}
	p.Source, p.SeedHost, p.Retries = s.at.Source, s.at.SeedHost, s.at.Retries
	switch rec.Action {
	case Start:
		if s.at.Phase.Rests() {
			p.Source, p.SeedHost, p.Retries = rec.Source, rec.SeedHost, 0
		}
	case Abort:
		p.Retries++
		if p.SeedHost == "" {
			p.SeedHost = rec.SeedHost
		}
	case Advance, Adopt:
	}
	procedure := s.all.Named(rec.Procedure)
	if i := procedure.Index(rec.To); i >= 0 && procedure.Phases[i].DropsSeed {
		p.SeedHost = ""
	}
	return p
}

// AbortOf returns the way out of where a region stands; its Procedure is never
// empty if there is one.
func (all Procedures) AbortOf(p Progress) WayOut {
	procedure := all.Named(p.Procedure)
	if procedure == nil || p.Phase.Rests() || procedure.Index(p.Phase) < 0 {
		return WayOut{}
	}
	abort := procedure.Phases[procedure.Index(p.Phase)].Abort
	if abort.Procedure == "" {
		abort.Procedure = p.Procedure
	}
	return abort
}
