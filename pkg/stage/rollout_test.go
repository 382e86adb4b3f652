package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		at   Rollout
		want []string
	}{
		"nothing begun":                  {at(), nil},
		"all serve":                      {at("a serving", "b serving", "c take serving"), nil},
		"one moves":                      {at("a serving", "b grow copying<a", "c planned"), nil},
		"one founds":                     {at("a making"), nil},
		"others turn":                    {at("a rotate turning", "b rotate turning", "c serving"), nil},
		"one moves while another turns":  {at("a serving", "b grow copying<a", "c rotate turning"), nil},
		"two move (I3)":                  {at("a serving", "b grow copying<a", "c grow joining<a"), []string{"c I3: not b (copying) and c (joining)"}},
		"three move (I3)":                {at("a serving", "b grow copying<a", "c grow joining<a", "d shrink draining"), []string{"c I3: b (copying) and c (joining) and d (draining)", "d I3: one region"}},
		"two found (I3)":                 {at("a making", "b making"), []string{"b I3: only one region at a time"}},
		"one joins, one leaves (I3)":     {at("a serving", "b grow copying<a", "c shrink leaving"), []string{"c I3: finish or abort one of them first"}},
		"source is planned (I4)":         {at("a planned", "b grow joining<a", "c serving"), []string{"b I4: its source a is planned: only a serving region is a source"}},
		"source is not listed (I4)":      {at("b grow joining<a", "c serving"), []string{"b I4: its source a is planned"}},
		"source is gone (I4)":            {at("a gone", "b grow joining<a", "c serving"), []string{"b I4: its source a is gone"}},
		"source is itself (I4)":          {at("a serving", "b grow joining<b"), []string{"b I4: its source b is joining"}},
		"source turns (I4)":              {at("a rotate turning", "b grow joining<a"), []string{"b I4: its source a is turning"}},
		"source moves (I4, I3)":          {at("a making", "b grow joining<a"), []string{"b I4: its source a is making", "b I3: a (making) and b (joining)"}},
		"source of one that rests":       {at("a gone", "b grow serving<a"), nil},
		"source of one that leaves":      {at("a gone", "b pull leaving<a", "c serving"), nil},
		"no source, back from leaving":   {at("a serving", "b grow settling"), nil},
		"the last one leaves (I5)":       {at("a shrink draining"), []string{"a I5: no other region serves"}},
		"leaves, others only move (I5)":  {at("a pull draining<b", "b gone", "c rotate turning"), []string{"a I5: region a leaves the ring"}},
		"leaves, another serves":         {at("a shrink draining", "b serving"), nil},
		"a procedure that is not there":  {at("a serving", "b magic joining"), []string{`b: region b is joining of procedure "magic"`}},
		"no procedure":                   {at("a serving", "b grow joining").without("b"), []string{`b: of procedure ""`}},
		"a phase that is not there":      {at("a serving", "b grow making"), []string{"b: which there is not"}},
		"no phase":                       {Rollout{Regions: []Progress{{Region: "a"}}}, []string{"a: which there is not"}},
		"all that is wrong, in order":    {at("a shrink leaving", "b grow joining<a", "c magic turning"), []string{"a I5: no other", "b I4: a is leaving", "c: magic", "b I3: a (leaving) and b (joining)"}},
		"at rest, whatever it came from": {at("a magic serving", "b magic gone", "c magic planned"), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefusals(t, tt.at.Check(all), tt.want)
		})
	}
}

// without returns the rollout with one region in no procedure.
func (r Rollout) without(region string) Rollout {
	p := r.At(region)
	p.Procedure = ""
	return r.With(p)
}

func TestRefusalString(t *testing.T) {
	tests := map[string]Refusal{
		"it is so":            {Region: "a", Message: "it is so"},
		"it is so (I3)":       {Invariant: "I3", Message: "it is so"},
		"it is so: do this":   {Message: "it is so", Way: "do this"},
		"it is so (I1): look": {Invariant: "I1", Message: "it is so", Way: "look"},
	}
	for want, r := range tests {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAtAndWith(t *testing.T) {
	r := at("a serving", "b grow joining<a")
	if diff := cmp.Diff(Progress{Region: "z", Phase: Planned}, r.At("z")); diff != "" {
		t.Errorf("a region that is not listed (-want +got):\n%s", diff)
	}
	before := r.clone()
	held := r.clone()
	changed := held.With(Progress{Region: "a", Phase: Gone})
	added := held.With(Progress{Region: "c", Phase: Planned})
	again := held.With(Progress{Region: "d", Phase: Gone})
	if diff := cmp.Diff(before, held); diff != "" {
		t.Errorf("With changed its receiver (-before +after):\n%s", diff)
	}
	for name, pair := range map[string][2][]string{
		"changed": {{"a gone", "b joining"}, phases(changed)},
		"added":   {{"a serving", "b joining", "c planned"}, phases(added)},
		"again":   {{"a serving", "b joining", "d gone"}, phases(again)},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	moving := held.Moving(all)
	if len(moving) != 1 || moving[0].Region != "b" {
		t.Errorf("Moving gives %v", moving)
	}
	if diff := cmp.Diff(before, held); diff != "" {
		t.Errorf("Moving changed its receiver (-before +after):\n%s", diff)
	}
}

func phases(r Rollout) []string {
	var list []string
	for _, p := range r.Regions {
		list = append(list, p.Region+" "+string(p.Phase))
	}
	return list
}

// The records of the tests below follow [at]; each is allowed where the tests
// say so.
func record(action Action, region, procedure string, from, to Phase) Record {
	return Record{Step: 8, Previous: "head", Time: noon.Add(time.Minute), Region: region, Action: action, Procedure: procedure, From: from, To: to}
}

func startGrow() Record {
	rec := record(Start, "b", "grow", Planned, joining)
	rec.Source, rec.SeedHost, rec.SeedFrom, rec.Facts = "a", "10.0.0.9", "the topology", maps.Clone(same)
	return rec
}

func advance(region, procedure string, from, to Phase, gate string) Record {
	rec := record(Advance, region, procedure, from, to)
	rec.Gate, rec.Results = gate, met
	return rec
}

func adopt(region string, from Phase) Record {
	rec := record(Adopt, region, "take", from, Serving)
	rec.Gate, rec.Results, rec.Facts = "whole", met, maps.Clone(same)
	return rec
}

var met = []Result{{Check: "one", Answer: Met}, {Check: "two", Answer: Met}}

// but returns the record with something changed.
func (r Record) but(change func(*Record)) Record {
	change(&r)
	return r
}

// facts returns the facts of [at] with one changed, or taken out.
func facts(name, value string) map[string]string {
	f := maps.Clone(same)
	f[name] = value
	if value == "" {
		delete(f, name)
	}
	return f
}

// A refused is a step that must not be taken, and why.
type refused struct {
	before Rollout
	rec    Record
	want   []string
}

func testRefused(t *testing.T, tests map[string]refused) {
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := tt.before.clone()
			after, refusals := before.Apply(all, tt.rec)
			wantRefusals(t, refusals, tt.want)
			if diff := cmp.Diff(tt.before.clone(), after); diff != "" {
				t.Errorf("a step that is refused changes the rollout (-before +after):\n%s", diff)
			}
		})
	}
}

func TestApplyRefusesAnyStep(t *testing.T) {
	begun := at("a serving", "b grow joining<a")
	next := advance("b", "grow", joining, copying, "joined")
	testRefused(t, map[string]refused{
		"the step before":            {begun, next.but(func(r *Record) { r.Step = 7 }), []string{"b: step 7 does not follow step 7"}},
		"a step too far":             {begun, next.but(func(r *Record) { r.Step = 9 }), []string{"b: step 9 does not follow step 7"}},
		"the first step again":       {begun, next.but(func(r *Record) { r.Step = 1 }), []string{"b: step 1 does not follow"}},
		"another previous":           {begun, next.but(func(r *Record) { r.Previous = "other" }), []string{"b: step 8 does not follow"}},
		"no previous":                {begun, next.but(func(r *Record) { r.Previous = "" }), []string{"b: step 8 does not follow"}},
		"a previous of nothing":      {Rollout{}, record(Start, "a", "found", Planned, making).but(func(r *Record) { r.Step = 1 }), []string{"a: step 1 does not follow step 0"}},
		"another from":               {begun, next.but(func(r *Record) { r.From = copying }), []string{"b: region b is joining, not copying"}},
		"from of a region unlisted":  {begun, record(Start, "c", "shrink", Serving, draining), []string{"c: region c is planned, not serving"}},
		"before the phase began":     {begun, next.but(func(r *Record) { r.Time = noon.Add(-time.Second) }), []string{"b: at 2026-03-02T11:59:59Z, before the last one at 2026-03-02T12:00:00Z: check the clock"}},
		"no time":                    {begun, next.but(func(r *Record) { r.Time = time.Time{} }), []string{"b: before the last one"}},
		"no time of the first step":  {at(), record(Start, "a", "found", Planned, making).but(func(r *Record) { r.Time = time.Time{} }), []string{"a: check the clock"}},
		"an unknown procedure":       {begun, next.but(func(r *Record) { r.Procedure = "magic" }), []string{`b: there is no procedure "magic"`}},
		"no procedure":               {begun, next.but(func(r *Record) { r.Procedure = "" }), []string{`b: there is no procedure ""`}},
		"an unknown action":          {begun, next.but(func(r *Record) { r.Action = "jump" }), []string{`b: there is no action "jump"`}},
		"no action":                  {begun, next.but(func(r *Record) { r.Action = "" }), []string{`b: there is no action ""`}},
		"all that is wrong, at once": {begun, Record{Region: "b", Procedure: "magic"}, []string{"b: step 0", "b: not ", "b: clock", "b: magic"}},
	})
}

func TestApplyRefusesStart(t *testing.T) {
	ring := at("a serving")
	leave := record(Start, "a", "shrink", Serving, draining)
	testRefused(t, map[string]refused{
		"only by abort":                {ring, record(Start, "b", "pull", Planned, draining), []string{"b: procedure pull cannot be started"}},
		"what adopts":                  {ring, record(Start, "b", "take", Planned, Serving), []string{"b: procedure take cannot be started"}},
		"from a phase that is wrong":   {at("a serving", "b serving"), startGrow().but(func(r *Record) { r.From = Serving }), []string{"b: procedure grow starts from planned, and region b is serving"}},
		"from gone what serves":        {at("a gone", "b serving"), leave.but(func(r *Record) { r.From = Gone }), []string{"a: procedure shrink starts from serving, and region a is gone"}},
		"what only takes back":         {at("a serving", "b serving"), record(Start, "b", "back", Serving, coming), []string{"b: procedure back cannot be started"}},
		"lost, and gone already":       {at("a serving", "b gone"), record(Start, "b", "lose", Gone, losing), []string{"b: procedure lose starts from serving, and region b is gone"}},
		"lost, and planned":            {at("a serving"), record(Start, "b", "lose", Planned, losing), []string{"b: starts from serving, and region b is planned"}},
		"lost while it founds":         {at("a serving", "b making"), record(Start, "b", "lose", making, losing), []string{"b: starts from serving, and region b is making"}},
		"lost while another moves":     {at("a serving", "b serving", "c grow joining<a"), record(Start, "b", "lose", Serving, losing), []string{"b I3: region c is joining"}},
		"lost, and two moved (I3)":     {at("a serving", "b grow copying<a", "c grow joining<a"), record(Start, "b", "lose", copying, losing), []string{"b I3: region c is joining"}},
		"the last one is lost":         {at("a coming", "b gone"), record(Start, "a", "lose", coming, losing), []string{"a I5: no other region than a serves"}},
		"lost, to the end":             {at("a serving", "b serving"), record(Start, "b", "lose", Serving, Gone), []string{"b: procedure lose goes from serving to losing, not to gone"}},
		"from the middle":              {at("a serving", "b grow joining<a"), startGrow().but(func(r *Record) { r.From, r.To = joining, copying }), []string{"b: procedure grow starts from planned, and region b is joining"}},
		"to a later phase":             {ring, startGrow().but(func(r *Record) { r.To = copying }), []string{"b: procedure grow goes from planned to joining, not to copying"}},
		"no step at all says no more":  {at("c grow copying<a"), startGrow().but(func(r *Record) { r.To, r.Source = copying, "b" }), []string{"b: not to copying"}},
		"to the end":                   {ring, startGrow().but(func(r *Record) { r.To = Serving }), []string{"b: not to serving"}},
		"nowhere":                      {ring, startGrow().but(func(r *Record) { r.To = "" }), []string{"b: not to "}},
		"the gate has another name":    {ring, startGrow().but(func(r *Record) { r.Gate, r.Results = "joined", met }), []string{"b I1: not for the gate"}},
		"results without a gate":       {ring, startGrow().but(func(r *Record) { r.Results = met }), []string{"b I1: not for the gate"}},
		"the gate is not met":          {ring, startGrow().but(func(r *Record) { r.Gate, r.Results = "quiet", []Result{{Answer: Met}, {Answer: Waiting}} }), []string{"b I1: gate quiet is not open"}},
		"another joins (I3)":           {at("a serving", "c grow copying<a"), startGrow(), []string{"b I3: region c is copying: only one region at a time may move the ring (I3): finish it with `ringplan advance c`"}},
		"another leaves (I3)":          {at("a serving", "c shrink leaving"), startGrow(), []string{"b I3: region c is leaving"}},
		"another founds (I3, I4)":      {at("c making"), record(Start, "b", "found", Planned, making), []string{"b I3: region c is making", "b I4: second ring beside region c, which is making"}},
		"a second ring (I4)":           {ring, record(Start, "b", "found", Planned, making), []string{"b I4: second ring beside region a, which is serving (I4): set expandFrom"}},
		"a second ring beside two":     {at("a serving", "c serving", "d gone"), record(Start, "b", "found", Planned, making), []string{"b I4: region a", "b I4: region c"}},
		"no source (I4)":               {ring, startGrow().but(func(r *Record) { r.Source = "" }), []string{"b I4: region b has no source (I4): set expandFrom"}},
		"its own source (I4)":          {ring, startGrow().but(func(r *Record) { r.Source = "b" }), []string{"b I4: region b has no source"}},
		"a source that is planned":     {at("a serving", "c planned"), startGrow().but(func(r *Record) { r.Source = "c" }), []string{"b I4: the source c is planned: only a serving region"}},
		"a source that is not listed":  {ring, startGrow().but(func(r *Record) { r.Source = "z" }), []string{"b I4: the source z is planned"}},
		"a source that is gone":        {at("a serving", "c gone"), startGrow().but(func(r *Record) { r.Source = "c" }), []string{"b I4: the source c is gone: only a serving region"}},
		"a source that turns":          {at("a serving", "c rotate turning"), startGrow().but(func(r *Record) { r.Source = "c" }), []string{"b I4: the source c is turning"}},
		"a source that moves (I3, I4)": {at("c making"), startGrow().but(func(r *Record) { r.Source = "c" }), []string{"b I3: c is making", "b I4: source c is making"}},
		"a source for no use (I4)":     {at("a serving", "b serving"), leave.but(func(r *Record) { r.Source = "b" }), []string{"a I4: procedure shrink takes no source, and b is one"}},
		"the last one leaves (I5)":     {ring, leave, []string{"a I5: no other region than a serves (I5): another region has to serve"}},
		"leaves beside a planned (I5)": {at("a serving", "b planned", "c gone", "d rotate turning"), leave, []string{"a I5: no other region than a serves"}},
		"the source turns meanwhile":   {at("a serving", "b grow joining<a"), record(Start, "a", "rotate", Serving, turning), []string{"b I4: its source a is turning"}},
		"the survivor turns meanwhile": {at("a serving", "b shrink draining"), record(Start, "a", "rotate", Serving, turning), []string{"b I5: no other region serves"}},
		"another version":              {ring, startGrow().but(func(r *Record) { r.Facts = facts("version", "2") }), []string{"b: version of region b is 2, and of region a, when it was last proven, 1: "}},
		"two facts of two regions":     {at("a serving", "c serving"), startGrow().but(func(r *Record) { r.Facts = map[string]string{"version": "2", "network": "host"} }), []string{"b: version of region b is 2, and of region a", "b: version of region b is 2, and of region c", "b: network of region b is host, and of region a", "b: network of region b is host, and of region c"}},
		"a fact that is not told":      {ring, startGrow().but(func(r *Record) { r.Facts = facts("network", "") }), []string{"b: network of region b is "}},
		"no facts":                     {ring, startGrow().but(func(r *Record) { r.Facts = nil }), []string{"b: version", "b: network"}},
		"a fact of no record":          {Rollout{Step: 7, Head: "head", Regions: []Progress{{Region: "a", Phase: Serving}}}, startGrow(), []string{"b: version", "b: network"}},
		"all that is wrong, at once": {at("a rotate turning", "c grow joining<a"), startGrow().but(func(r *Record) {
			r.Gate, r.Results, r.Facts = "quiet", []Result{{Answer: Failed}}, facts("version", "2")
		}), []string{"b I1: quiet", "b I3: region c", "b I4: source a is turning", "b: version of region b is 2, and of region a", "b: and of region c"}},
	})
}

func TestApplyRefusesAdvance(t *testing.T) {
	joins := at("a serving", "b grow joining<a")
	next := advance("b", "grow", joining, copying, "joined")
	testRefused(t, map[string]refused{
		"another procedure":             {joins, next.but(func(r *Record) { r.Procedure = "pull" }), []string{"b: region b is in procedure grow, not in pull"}},
		"at rest":                       {at("a serving", "b grow serving"), advance("b", "grow", Serving, joining, "joined"), []string{"b: region b is serving: nothing is under way"}},
		"gone":                          {at("a serving", "b gone"), advance("b", "shrink", Gone, draining, "drained"), []string{"b: region b is gone: nothing is under way"}},
		"planned":                       {at("a serving"), advance("b", "grow", Planned, joining, "quiet"), []string{"b: nothing is under way"}},
		"planned by an abort":           {at("b found planned"), advance("b", "found", Planned, making, ""), []string{"b: nothing is under way"}},
		"skips a phase (I1)":            {joins, next.but(func(r *Record) { r.To = settling }), []string{"b I1: procedure grow goes from joining to copying, not to settling"}},
		"skips to the end (I1)":         {joins, next.but(func(r *Record) { r.To = Serving }), []string{"b I1: not to serving"}},
		"goes back (I1)":                {at("a serving", "b grow copying<a"), advance("b", "grow", copying, joining, "copied"), []string{"b I1: goes from copying to settling, not to joining"}},
		"stays (I1)":                    {joins, next.but(func(r *Record) { r.To = joining }), []string{"b I1: not to joining"}},
		"goes nowhere (I1)":             {joins, next.but(func(r *Record) { r.To = "" }), []string{"b I1: not to "}},
		"another gate (I1)":             {joins, next.but(func(r *Record) { r.Gate = "copied" }), []string{"b I1: step 8 is not for the gate that region b waits at"}},
		"no gate (I1)":                  {joins, next.but(func(r *Record) { r.Gate = "" }), []string{"b I1: not for the gate"}},
		"a gate of no name (I1)":        {joins, next.but(func(r *Record) { r.Gate = "Joined" }), []string{"b I1: not for the gate"}},
		"no results (I1)":               {joins, next.but(func(r *Record) { r.Results = nil }), []string{"b I1: gate joined is not open"}},
		"one waits (I1)":                {joins, next.but(func(r *Record) { r.Results = []Result{{Answer: Met}, {Answer: Waiting}} }), []string{"b I1: gate joined is not open"}},
		"one is unknown (I1)":           {joins, next.but(func(r *Record) { r.Results = []Result{{Answer: Unknown}, {Answer: Met}} }), []string{"b I1: gate joined is not open"}},
		"one failed (I1)":               {joins, next.but(func(r *Record) { r.Results = []Result{{Answer: Failed}, {Answer: Met}} }), []string{"b I1: gate joined is not open"}},
		"an answer of no meaning (I1)":  {joins, next.but(func(r *Record) { r.Results = []Result{{Answer: "MET"}} }), []string{"b I1: gate joined is not open"}},
		"the source is gone now (I4)":   {at("a gone", "b grow joining<a"), next, []string{"b I4: its source a is gone"}},
		"another moves too (I3)":        {at("a serving", "b grow joining<a", "c shrink draining"), next, []string{"c I3: b (copying) and c (draining)"}},
		"nobody else serves (I5)":       {at("b shrink draining"), advance("b", "shrink", draining, leaving, "drained"), []string{"b I5: no other region serves"}},
		"a phase that is not there":     {at("a serving", "b grow making"), advance("b", "grow", making, Serving, "made"), []string{"b I1: not to serving"}},
		"from there to nowhere":         {at("a serving", "b grow making"), advance("b", "grow", making, "", ""), []string{"b I1: goes from making to , not to "}},
		"a procedure that is not there": {at("a serving", "b magic joining"), next, []string{"b: region b is in procedure magic, not in grow"}},
	})
}

func TestApplyRefusesAdopt(t *testing.T) {
	testRefused(t, map[string]refused{
		"by what does not adopt":     {at(), adopt("a", Planned).but(func(r *Record) { r.Procedure = "found" }), []string{"a: procedure found does not adopt"}},
		"while moving":               {at("a serving", "b grow joining<a"), adopt("b", joining), []string{"b: region b is joining: finish or abort it first"}},
		"while turning":              {at("a rotate turning"), adopt("a", turning), []string{"a: region a is turning"}},
		"to another phase":           {at(), adopt("a", Planned).but(func(r *Record) { r.To = Gone }), []string{"a: an adopted region is serving, not gone"}},
		"into a procedure":           {at("a serving"), adopt("b", Planned).but(func(r *Record) { r.To = settling }), []string{"b: is serving, not settling"}},
		"another joins (I3)":         {at("a serving", "c grow copying<a"), adopt("b", Planned), []string{"b I3: region c is copying"}},
		"again, while another joins": {at("a serving", "c grow copying<a"), adopt("a", Serving), []string{"a I3: region c is copying"}},
		"another gate (I1)":          {at(), adopt("a", Planned).but(func(r *Record) { r.Gate = "made" }), []string{"a I1: not for the gate"}},
		"no gate (I1)":               {at(), adopt("a", Planned).but(func(r *Record) { r.Gate = "" }), []string{"a I1: not for the gate"}},
		"no results (I1)":            {at(), adopt("a", Planned).but(func(r *Record) { r.Results = nil }), []string{"a I1: gate whole is not open"}},
		"the gate is not met (I1)":   {at(), adopt("a", Planned).but(func(r *Record) { r.Results = []Result{{Answer: Met}, {Answer: Unknown}} }), []string{"a I1: gate whole is not open"}},
		"another moves, and no results": {at("a serving", "c grow copying<a"), adopt("b", Planned).but(func(r *Record) { r.Results = nil }),
			[]string{"b I3: region c is copying", "b I1: gate whole is not open"}},
	})
}

func TestApplyRefusesAbort(t *testing.T) {
	testRefused(t, map[string]refused{
		"no way":                          {at("a serving", "b grow settling<a"), record(Abort, "b", "grow", settling, joining), []string{"b I6: no way from settling of procedure grow to joining of grow by abort"}},
		"no way, to nowhere":              {at("a serving", "b grow settling<a"), record(Abort, "b", "grow", settling, ""), []string{"b I6: no way from settling"}},
		"another phase":                   {at("a serving", "b grow copying<a"), record(Abort, "b", "grow", copying, Planned), []string{"b I6: to planned of grow"}},
		"the end of it":                   {at("a serving", "b grow copying<a"), record(Abort, "b", "grow", copying, Serving), []string{"b I6: to serving of grow"}},
		"the phase of another procedure":  {at("a serving", "b grow joining<a"), record(Abort, "b", "shrink", joining, draining), []string{"b I6: to draining of shrink"}},
		"the phase in its own":            {at("a serving", "b grow joining<a"), record(Abort, "b", "grow", joining, draining), []string{"b I6: to draining of grow"}},
		"at rest":                         {at("a serving"), record(Abort, "a", "found", Serving, Planned), []string{"a I6: no way from serving"}},
		"planned":                         {at(), record(Abort, "a", "found", Planned, Planned), []string{"a I6: no way from planned"}},
		"in no procedure that there is":   {at("a serving", "b magic joining"), record(Abort, "b", "pull", joining, draining), []string{"b I6: no way from joining of procedure magic"}},
		"back to a source that is gone":   {at("a gone", "b pull draining<a", "c serving"), record(Abort, "b", "grow", draining, joining), []string{"b I4: its source a is gone"}},
		"back, while another moves":       {at("a serving", "b shrink draining", "c grow copying<a"), record(Abort, "b", "back", draining, coming), []string{"c I3: b (coming) and c (copying)"}},
		"a lost one":                      {at("a serving", "b losing"), record(Abort, "b", "back", losing, coming), []string{"b I6: no way from losing of procedure lose"}},
		"out, while nobody serves":        {at("a gone", "b grow joining<a"), record(Abort, "b", "pull", joining, draining), []string{"b I5: no other region serves"}},
		"beside another that moves":       {at("a serving", "b grow joining<a", "c grow copying<a"), record(Abort, "b", "pull", joining, draining), []string{"c I3: b (draining) and c (copying)"}},
		"before the phase began, clearly": {at("a making"), record(Abort, "a", "found", making, Planned).but(func(r *Record) { r.Time = noon.Add(-time.Hour) }), []string{"a: check the clock"}},
	})
}

// TestApply holds all that a step makes of its region.
func TestApply(t *testing.T) {
	then := noon.Add(time.Minute)
	newer := map[string]string{"version": "2", "network": "flat"}
	retried := at("a serving", "b grow copying<a")
	again := at("a serving", "b grow joining<a")
	retried.Regions[1].Retries, again.Regions[1].Retries = 2, 2
	tests := map[string]struct {
		before Rollout
		rec    Record
		want   Progress
	}{
		"founds": {
			Rollout{Step: 7, Head: "head"}, record(Start, "a", "found", Planned, making).but(func(r *Record) { r.Facts = newer }),
			Progress{Region: "a", Procedure: "found", Phase: making, Since: then, Facts: newer, Evidence: "evidence/a/08-start-found.yaml"},
		},
		"founds anew when all are gone": {
			at("a gone", "b gone"), record(Start, "a", "found", Gone, making),
			Progress{Region: "a", Procedure: "found", Phase: making, Since: then, Evidence: "evidence/a/08-start-found.yaml"},
		},
		"joins": {
			at("a serving"), startGrow(),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.9", Facts: same, Evidence: "evidence/b/08-start-grow.yaml"},
		},
		"joins through its optional gate": {
			at("a serving"), startGrow().but(func(r *Record) { r.Gate, r.Results = "quiet", met }),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.9", Facts: same, Evidence: "evidence/b/08-start-grow.yaml"},
		},
		"joins anew, gone counts as planned": {
			at("a serving", "b gone"), startGrow().but(func(r *Record) { r.From = Gone }),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.9", Facts: same, Evidence: "evidence/b/08-start-grow.yaml"},
		},
		"joins while another turns": {
			at("a serving", "c rotate turning"), startGrow(),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.9", Facts: same, Evidence: "evidence/b/08-start-grow.yaml"},
		},
		"joins, whatever those that are gone were": {
			at("a serving", "c gone", "d planned"), startGrow(),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.9", Facts: same, Evidence: "evidence/b/08-start-grow.yaml"},
		},
		"turns while another joins": {
			at("a serving", "b grow joining<a", "c serving"), record(Start, "c", "rotate", Serving, turning),
			Progress{Region: "c", Procedure: "rotate", Phase: turning, Since: then, Facts: same, Evidence: "evidence/c/08-start-rotate.yaml"},
		},
		"leaves": {
			at("a serving", "b serving"), record(Start, "b", "shrink", Serving, draining),
			Progress{Region: "b", Procedure: "shrink", Phase: draining, Since: then, Facts: same, Evidence: "evidence/b/08-start-shrink.yaml"},
		},
		"through a gate keeps source, seed host, facts and retries": {
			again, advance("b", "grow", joining, copying, "joined"),
			Progress{Region: "b", Procedure: "grow", Phase: copying, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 2, Facts: same, Evidence: "evidence/b/08-joined.yaml"},
		},
		"through the gate behind which the seed host is dropped": {
			retried, advance("b", "grow", copying, settling, "copied"),
			Progress{Region: "b", Procedure: "grow", Phase: settling, Since: then, Source: "a", Retries: 2, Facts: same, Evidence: "evidence/b/08-copied.yaml"},
		},
		"lost while it serves": {
			at("a serving", "b serving"), record(Start, "b", "lose", Serving, losing),
			Progress{Region: "b", Procedure: "lose", Phase: losing, Since: then, Facts: same, Evidence: "evidence/b/08-start-lose.yaml"},
		},
		"lost on its way keeps source, seed host and retries": {
			retried, record(Start, "b", "lose", copying, losing),
			Progress{Region: "b", Procedure: "lose", Phase: losing, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 2, Facts: same, Evidence: "evidence/b/08-start-lose.yaml"},
		},
		"lost while it leaves": {
			at("a serving", "b shrink leaving"), record(Start, "b", "lose", leaving, losing),
			Progress{Region: "b", Procedure: "lose", Phase: losing, Since: then, Facts: same, Evidence: "evidence/b/08-start-lose.yaml"},
		},
		"through a gate, source and seed host are those of the start": {
			again, advance("b", "grow", joining, copying, "joined").but(func(r *Record) { r.Source, r.SeedHost = "z", "10.9.9.9" }),
			Progress{Region: "b", Procedure: "grow", Phase: copying, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 2, Facts: same, Evidence: "evidence/b/08-joined.yaml"},
		},
		"at the moment when the phase began": {
			retried, advance("b", "grow", copying, settling, "copied").but(func(r *Record) { r.Time = noon }),
			Progress{Region: "b", Procedure: "grow", Phase: settling, Since: noon, Source: "a", Retries: 2, Facts: same, Evidence: "evidence/b/08-copied.yaml"},
		},
		"at rest all but facts is cleared": {
			at("a serving", "b grow settling<a"), advance("b", "grow", settling, Serving, "settled"),
			Progress{Region: "b", Procedure: "grow", Phase: Serving, Since: then, Facts: same, Evidence: "evidence/b/08-settled.yaml"},
		},
		"at rest the facts are what was proven": {
			at("a serving", "b grow settling<a"), advance("b", "grow", settling, Serving, "settled").but(func(r *Record) { r.Facts = newer }),
			Progress{Region: "b", Procedure: "grow", Phase: Serving, Since: then, Facts: newer, Evidence: "evidence/b/08-settled.yaml"},
		},
		"gone, the facts are cleared too": {
			at("a serving", "b shrink leaving<a"), advance("b", "shrink", leaving, Gone, "left").but(func(r *Record) { r.Facts = newer }),
			Progress{Region: "b", Procedure: "shrink", Phase: Gone, Since: then, Evidence: "evidence/b/08-left.yaml"},
		},
		"aborted to planned, all is cleared": {
			at("a making"), record(Abort, "a", "found", making, Planned),
			Progress{Region: "a", Procedure: "found", Phase: Planned, Since: then, Evidence: "evidence/a/08-abort-found.yaml"},
		},
		"aborted, it keeps source and seed host and counts": {
			retried, record(Abort, "b", "grow", copying, joining),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 3, Facts: same, Evidence: "evidence/b/08-abort-grow.yaml"},
		},
		"aborted into another procedure": {
			at("a serving", "b grow joining<a"), record(Abort, "b", "pull", joining, draining),
			Progress{Region: "b", Procedure: "pull", Phase: draining, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 1, Facts: same, Evidence: "evidence/b/08-abort-pull.yaml"},
		},
		"and back": {
			at("a serving", "b pull draining<a"), record(Abort, "b", "grow", draining, joining),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 1, Facts: same, Evidence: "evidence/b/08-abort-grow.yaml"},
		},
		"aborted leaving, without a source": {
			at("a serving", "b shrink draining"), record(Abort, "b", "back", draining, coming),
			Progress{Region: "b", Procedure: "back", Phase: coming, Since: then, Retries: 1, Facts: same, Evidence: "evidence/b/08-abort-back.yaml"},
		},
		"aborted, source and seed host are those of the start": {
			retried, record(Abort, "b", "grow", copying, joining).but(func(r *Record) { r.Source, r.SeedHost = "z", "10.9.9.9" }),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, Source: "a", SeedHost: "10.0.0.1", Retries: 3, Facts: same, Evidence: "evidence/b/08-abort-grow.yaml"},
		},
		"aborted, and the seed host was dropped before": {
			at("a serving", "b pull draining"), record(Abort, "b", "grow", draining, joining).but(func(r *Record) { r.SeedHost = "10.9.9.9" }),
			Progress{Region: "b", Procedure: "grow", Phase: joining, Since: then, SeedHost: "10.9.9.9", Retries: 1, Facts: same, Evidence: "evidence/b/08-abort-grow.yaml"},
		},
		"adopted": {
			at(), adopt("a", Planned),
			Progress{Region: "a", Procedure: "take", Phase: Serving, Since: then, Facts: same, Evidence: "evidence/a/08-adopt.yaml"},
		},
		"adopted after it was gone": {
			at("a gone"), adopt("a", Gone),
			Progress{Region: "a", Procedure: "take", Phase: Serving, Since: then, Facts: same, Evidence: "evidence/a/08-adopt.yaml"},
		},
		"adopted again, the facts are new": {
			at("a serving", "b serving"), adopt("a", Serving).but(func(r *Record) { r.Facts = newer }),
			Progress{Region: "a", Procedure: "take", Phase: Serving, Since: then, Facts: newer, Evidence: "evidence/a/08-adopt.yaml"},
		},
		"adopted while another turns": {
			at("a serving", "b rotate turning"), adopt("a", Serving),
			Progress{Region: "a", Procedure: "take", Phase: Serving, Since: then, Facts: same, Evidence: "evidence/a/08-adopt.yaml"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := tt.before.clone()
			after, refusals := before.Apply(all, tt.rec)
			wantRefusals(t, refusals, nil)
			if diff := cmp.Diff(tt.want, after.At(tt.rec.Region)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.rec.Region, diff)
			}
			want := tt.before.clone().With(tt.want)
			want.Step, want.Head = 8, tt.rec.Digest()
			if diff := cmp.Diff(want, after); diff != "" {
				t.Errorf("the rollout (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApplyAgree shows that only the facts that a procedure names must agree,
// and only with regions in the ring.
func TestApplyAgree(t *testing.T) {
	before := at("a serving", "c gone", "d rotate turning")
	before.Regions[0].Facts = map[string]string{"version": "1", "network": "flat", "replicas": "3"}
	before.Regions[1].Facts = map[string]string{"version": "0"}
	rec := startGrow().but(func(r *Record) { r.Facts = facts("replicas", "9") })
	_, refusals := before.Apply(all, rec)
	wantRefusals(t, refusals, nil)
	before.Regions[2].Facts = facts("version", "2") // it turns, and is in the ring
	_, refusals = before.Apply(all, rec)
	wantRefusals(t, refusals, []string{"b: of region d"})
}

// TestApplyLeavesAlone shows that a step changes neither the rollout that it
// is taken from nor its record, and that the rollout after it shares nothing
// with the record that somebody may change.
func TestApplyLeavesAlone(t *testing.T) {
	steps := map[string]struct {
		before Rollout
		rec    Record
	}{
		"a new region":          {at("a serving"), startGrow()},
		"a region that is last": {at("a serving", "b serving"), record(Start, "b", "shrink", Serving, draining)},
		"through a gate":        {at("a serving", "b grow settling<a", "c gone"), advance("b", "grow", settling, Serving, "settled").but(func(r *Record) { r.Facts = facts("version", "2") })},
		"adopted again":         {at("a serving", "b serving"), adopt("a", Serving).but(func(r *Record) { r.Facts = facts("version", "2") })},
		"aborted":               {at("a serving", "b grow joining<a"), record(Abort, "b", "pull", joining, draining)},
		"refused by the rules":  {at("a serving"), record(Start, "a", "shrink", Serving, draining)},
		"refused by the ring":   {at("a serving", "b grow joining<a"), record(Start, "a", "rotate", Serving, turning)},
	}
	for name, tt := range steps {
		t.Run(name, func(t *testing.T) {
			before, held, digest := tt.before.clone(), tt.before.clone(), tt.rec.Digest()
			spare := held.Regions[:cap(held.Regions)]
			after, _ := held.Apply(all, tt.rec)
			if diff := cmp.Diff(before, held); diff != "" {
				t.Errorf("the rollout changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(make([]Progress, 4), spare[len(held.Regions):]); diff != "" {
				t.Errorf("what is behind the regions changed:\n%s", diff)
			}
			if tt.rec.Digest() != digest {
				t.Error("the record changed")
			}
			was := after.clone()
			for k := range tt.rec.Facts {
				tt.rec.Facts[k] = "changed"
			}
			if diff := cmp.Diff(was.Regions, after.Regions); diff != "" {
				t.Errorf("a change of the record shows in the rollout:\n%s", diff)
			}
		})
	}
}

// TestEveryReachableRollout takes every step that some record could ask for,
// from an empty rollout of up to three regions to every rollout that there is,
// and holds each against the invariants in another way than Check does.
func TestEveryReachableRollout(t *testing.T) {
	t.Parallel()
	regions := []string{"a", "b", "c"}
	key := func(r Rollout) string {
		var list []string
		for _, p := range r.Regions {
			list = append(list, fmt.Sprint(p.Region, p.Procedure, p.Phase, p.Source))
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	visited, queue := map[string]bool{"": true}, []Rollout{{}}
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		ways := 0
		for _, rec := range everyRecord(r, regions) {
			after, refusals := r.Apply(all, rec)
			if len(refusals) > 0 {
				continue
			}
			ways++
			checkInvariants(t, r, rec, after)
			if k := key(after); !visited[k] {
				visited[k] = true
				queue = append(queue, after)
			}
		}
		if ways == 0 {
			t.Fatalf("no step leads on from %v (I6)", places(r))
		}
	}
	t.Logf("%d rollouts", len(visited))
	if len(visited) < 500 {
		t.Errorf("only %d rollouts were reached", len(visited))
	}
}

// everyRecord lists the records that could follow a rollout by their chain,
// but for those that hopelessly miss. Most of them are refused.
func everyRecord(r Rollout, regions []string) []Record {
	var list []Record
	base := Record{Step: r.Step + 1, Previous: r.Head, Time: noon, Facts: same, Results: met}
	for _, region := range regions {
		base.Region, base.From = region, r.At(region).Phase
		for _, p := range all {
			base.Procedure = p.Name
			for _, info := range p.Phases {
				base.To = info.Phase
				for _, source := range append([]string{""}, regions...) {
					if source != "" && !p.FromSource || info.Phase != p.Phases[1].Phase && info.Phase != Serving {
						continue
					}
					rec := base
					rec.Action, rec.Source, rec.Results = Start, source, nil
					list = append(list, rec)
				}
				for _, action := range []Action{Advance, Adopt, Abort} {
					rec := base
					rec.Action = action
					at := base.From
					if action == Adopt {
						at = p.First()
					}
					if gate := p.Gate(at); gate != nil {
						rec.Gate = gate.Name
					}
					list = append(list, rec)
				}
			}
		}
	}
	return list
}

func checkInvariants(t *testing.T, before Rollout, rec Record, after Rollout) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s: %s of %s from %s to %s after %v", fmt.Sprintf(format, args...), rec.Action, rec.Region, rec.From, rec.To, places(before))
	}
	moving := 0
	for _, p := range after.Regions {
		procedure := all.Named(p.Procedure)
		if p.Phase.Rests() {
			if p.Source != "" || p.SeedHost != "" || p.Retries != 0 || !p.Phase.InRing() && p.Facts != nil {
				fail("%s rests, and has more than its facts", p.Region)
			}
			continue
		}
		if procedure.MovesRing {
			moving++
		}
		if procedure.FromSource && p.Source != "" && after.At(p.Source).Phase != Serving {
			fail("I4: the source of %s is %s", p.Region, after.At(p.Source).Phase)
		}
		if procedure.Drops && !slices.ContainsFunc(after.Regions, func(other Progress) bool { return other.Region != p.Region && other.Phase == Serving }) {
			fail("I5: %s leaves, and nobody serves", p.Region)
		}
		if all.AbortOf(p).To == "" && procedure.Next(p.Phase) == "" {
			fail("I6: %s has no way on and no way back", p.Region)
		}
	}
	if moving > 1 {
		fail("I3: %d regions move", moving)
	}
	if rec.To == Serving && rec.Action != Adopt && rec.Procedure == "grow" && rec.From != settling {
		fail("I1: %s serves without having settled", rec.Region)
	}
	for _, region := range before.names() {
		if region != rec.Region && !cmp.Equal(before.At(region), after.At(region)) {
			fail("I7: %s changed", region)
		}
	}
}
