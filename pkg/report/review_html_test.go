package report

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// An htmlElement is one of a page.
type htmlElement struct {
	name     string
	attr     map[string]string
	parent   *htmlElement
	children []*htmlElement
	// said is the text of the whole page, with a NUL where an element begins or
	// ends; what is in this one goes from one place to the other.
	said     *strings.Builder
	from, to int
}

// parseHTML reads a page that is well-formed XML too, as ours is: it fails if
// an element is not closed, or an attribute not quoted.
func parseHTML(t *testing.T, page string) *htmlElement {
	t.Helper()
	said := &strings.Builder{}
	root := &htmlElement{said: said}
	at := root
	dec := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			root.to = said.Len()
			return root
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			said.WriteByte(0)
			e := &htmlElement{name: token.Name.Local, attr: map[string]string{}, parent: at, said: said, from: said.Len()}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			at.children = append(at.children, e)
			at = e
		case xml.EndElement:
			at.to = said.Len()
			said.WriteByte(0)
			at = at.parent
		case xml.CharData:
			said.Write(token)
		}
	}
}

// text returns the text as it stands.
func (e *htmlElement) text() string {
	return strings.ReplaceAll(e.said.String()[e.from:e.to], "\x00", "")
}

// words returns the text with each run of space, and each end of an element, as
// one space.
func (e *htmlElement) words() string {
	return strings.Join(strings.FieldsFunc(e.said.String()[e.from:e.to], func(r rune) bool { return r == 0 || unicode.IsSpace(r) }), " ")
}

// all returns the elements of that name, in the order of the page; "" is any.
func (e *htmlElement) all(name string) []*htmlElement {
	var found []*htmlElement
	for _, c := range e.children {
		if name == "" || c.name == name {
			found = append(found, c)
		}
		found = append(found, c.all(name)...)
	}
	return found
}

func (e *htmlElement) id(t *testing.T, id string) *htmlElement {
	t.Helper()
	for _, c := range e.all("") {
		if c.attr["id"] == id {
			return c
		}
	}
	t.Fatalf("no element has the id %q", id)
	return nil
}

func reviewHTML(t *testing.T, list ...Review) string {
	t.Helper()
	page, err := ReviewHTML(list, "Change of the rings")
	if err != nil {
		t.Fatal(err)
	}
	return page
}

var (
	htmlRebuilt = stage.Gate{Name: "rebuild-complete", Words: "Every pod of the new datacenter has been rebuilt.",
		Checks: []string{"the replication is complete", "every pod is up and normal", "no stream is open"}}
	htmlExpand = &stage.Procedure{
		Name:   "expand",
		Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: "joining"}, {Phase: "rebuilding"}, {Phase: "settling"}, {Phase: stage.Serving}},
		Gates:  []stage.Gate{{}, {Name: "joined", Words: "The pods have joined the ring.", Checks: []string{"every pod is up"}}, htmlRebuilt, {Name: "settled", Words: "The seed host is gone.", Checks: []string{"no pod has the seed host"}}},
	}
)

// htmlFullReview returns a review with something in each section.
func htmlFullReview() Review {
	start := time.Date(2026, 7, 1, 9, 30, 0, 0, time.UTC)
	change := func(file, path string, op manifest.Op, was, is any, class system.Class, why, procedure string) Effected {
		return Effected{Change: manifest.Change{File: file, Path: path, Op: op, Old: was, New: is}, Effect: system.Effect{Class: class, Why: why, Procedure: procedure}}
	}
	started := stage.Record{Step: 2, Time: start, Region: "us-west1", Action: stage.Start, Procedure: "expand", From: stage.Planned, To: "joining", Source: "us-east1", SeedHost: "10.100.0.11", SeedFrom: "pod apigee/apigee-cassandra-default-0",
		Facts: map[string]string{"datacenter": "dc-2", "replicas": "3", "network": "flat"}}
	moving := stage.Progress{Region: "us-west1", Procedure: "expand", Phase: "rebuilding", Since: start}
	return Review{
		Topology: "acme-prod", Base: "origin/main", Taken: []stage.Record{started},
		Diff: Diff{Topology: "acme-prod", Against: "origin/main", Regions: []RegionDiff{
			{Region: "us-east1", Changes: []Effected{
				change("us-east1/overrides.yaml", "logger.image.tag", manifest.Added, nil, "1.4.2", system.Safe, "log shipping starts anew", ""),
				change("us-east1/overrides.yaml", "cassandra.resources.requests.memory", manifest.Changed, "8Gi", "12Gi", system.RollingRestart, "the pods of Cassandra restart one after another", ""),
				change("us-east1/overrides.yaml", "cassandra.storage.capacity", manifest.Removed, "500Gi", nil, system.OneWay, "a volume grows, and never shrinks again", "grow-storage"),
			}},
			{Region: "us-west1", Changes: []Effected{
				change("us-west1/overrides.yaml", "cassandra.multiRegionSeedHost", manifest.Removed, "10.100.0.11", nil, system.RingMovement, "a pod without its seed host starts a ring of its own", "expand"),
				change("us-west1/overrides.yaml", "cassandra.hostNetwork", manifest.Changed, "true", true, system.DestroysData, "the addresses of the ring change, and its data is not found again", "replace"),
				change("us-west1/overrides.yaml", "envs[prod].hosts", manifest.Added, nil, []any{"api.example.com", "api2.example.com"}, system.Safe, "a route comes", ""),
			}},
			{Changes: []Effected{change("fleet.yaml", "", manifest.Added, nil, nil, system.Safe, "a file that no cluster reads", "")}},
		}},
		Plan: Plan{
			Topology: "acme-prod", Left: []string{"Region eu-west1 waits until us-west1 serves."},
			Done: []stage.Record{
				{Step: 1, Time: start.Add(-48 * time.Hour), Region: "us-east1", Action: stage.Adopt, Procedure: "adopt", From: stage.Planned, To: stage.Serving, Gate: "adopted",
					Results: []stage.Result{{Check: "the ring has the datacenter", Answer: stage.Met, Reason: "nodetool status lists dc-1 with 3 nodes"}}},
				started,
			},
			Steps: []system.Step{
				{Stage: stage.Stage{Number: 3, Region: "us-west1", Procedure: htmlExpand, From: "rebuilding", To: "settling", Current: true, Gate: &htmlExpand.Gates[2]},
					Releases: []string{"apigee-datastore", "apigee-operator"},
					Changes:  []manifest.Change{{File: "us-west1/overrides.yaml", Path: "cassandra.multiRegionSeedHost", Op: manifest.Removed, Old: "10.100.0.11"}, {File: "us-west1/replication.yaml", Op: manifest.Removed}}},
				{Stage: stage.Stage{Number: 4, Region: "us-west1", Procedure: htmlExpand, From: "settling", To: stage.Serving, Gate: &htmlExpand.Gates[3]}},
				{Stage: stage.Stage{Number: 5, Region: "eu-west1", Procedure: htmlExpand, From: stage.Planned, To: "joining"}},
			},
		},
		Status: Status{Topology: "acme-prod", Step: 2, Regions: []Standing{
			{Progress: moving, Datacenter: "dc-2", Gate: &Gate{Topology: "acme-prod", Region: "us-west1", Phase: "rebuilding", Gate: &htmlExpand.Gates[2], Procedure: "expand", To: "settling", Results: []stage.Result{
				{Check: htmlRebuilt.Checks[0], Answer: stage.Waiting, Reason: "CassandraDataReplication dc-2: rebuildDetails says in progress for 1 of 3 pods"},
				{Check: htmlRebuilt.Checks[1], Answer: stage.Met, Reason: "nodetool status lists 3 nodes of dc-2, all UN", Warning: "one node owns 61 % of the tokens"},
			}}},
			{Progress: stage.Progress{Region: "us-east1", Phase: stage.Serving}, Refusals: []stage.Refusal{{Region: "us-east1", Invariant: "I3", Message: "us-west1 moves the ring", Way: "wait until it serves"}}},
		}},
		Graph: Graph{Topology: "acme-prod", System: "apigee-hybrid", Version: "1.16.0", Regions: []GraphRegion{
			{Name: "us-east1", Datacenter: "dc-1", Platform: "gke", Cluster: "hybrid-us-east1", Rack: "ra-1", Replicas: 3, Ranges: []string{"10.100.0.0/16", "10.10.0.0/20"}, Model: "flat", Procedure: "adopt", Phase: stage.Serving},
			{Name: "us-west1", Datacenter: "dc-2", Platform: "eks", Cluster: "hybrid-us-west1", Rack: "ra-1", Replicas: 3, HostNetwork: true, Ranges: []string{"10.150.0.0/16"}, Model: "island", Source: "us-east1", Live: true, Procedure: "expand", Phase: "rebuilding", Gate: "rebuild-complete"},
			{Name: "eu-west1", Datacenter: "dc-3", Platform: "openshift", Rack: "ra-1", Replicas: 6, Ranges: []string{"10.160.0.0/16"}, Source: "us-east1", Phase: stage.Planned},
		}},
		Findings: diag.List{
			{Code: "RP031", Severity: diag.Note, Pos: diag.Pos{File: "topology.yaml", Line: 4, Column: 3}, Message: "the version has a patch release", Hint: "set version to 1.16.1", Baseline: diag.Unchanged},
			{Code: "RP012", Severity: diag.Error, Pos: diag.Pos{File: "topology.yaml", Line: 31, Column: 7}, Path: "spec.regions[2].network.pods[0]", Message: "the range overlaps that of us-west1", Hint: "take a range of its own", Baseline: diag.Unchanged},
			{Code: "RP044", Severity: diag.Warning, Pos: diag.Pos{File: "topology.yaml", Line: 33, Column: 7}, Path: "spec.regions[2].cassandra.storage", Message: "the storage class keeps no volume", Baseline: diag.New},
			{Code: "RP045", Severity: diag.Warning, Message: "not to be seen", Silenced: "as agreed", Baseline: diag.New},
		},
	}
}

func TestReviewHTMLTellsAll(t *testing.T) {
	r := htmlFullReview()
	root := parseHTML(t, reviewHTML(t, r))
	for id, want := range map[string][]string{
		"t1-what":     {r.Sentence()},
		"t1-regions":  {"us-east1 dc-1 gke 10.100.0.0/16 10.10.0.0/20 ra-1 3 no – serving adopt –", "us-west1 dc-2 eks 10.150.0.0/16 ra-1 3 yes us-east1 rebuilding expand rebuild-complete"},
		"t1-effects":  {"us-east1 3 one-way a volume grows, and never shrinks again", "us-west1 3 destroys data the addresses", "of no region 1 safe a file that no cluster reads"},
		"t1-plan":     {"Region eu-west1 waits until us-west1 serves.", "us-east1 may not go on. us-west1 moves the ring (I3): wait until it serves", "Done 1. us-east1: planned → serving", "Done by this change 2. us-west1: planned → joining", "2026-07-01T09:30:00Z : Procedure expand was started.", "Now 3. us-west1: rebuilding → settling", "To come 5. eu-west1: planned → joining"},
		"t1-diffs":    {"removed cassandra.storage.capacity one-way us-east1/overrides.yaml 500Gi a volume grows, and never shrinks again (procedure grow-storage )", `"api2.example.com"`},
		"t1-findings": {"1 error, 1 warning, 1 note, 1 silenced; 1 new", "1 silenced finding not shown."},
	} {
		section := root.id(t, id).parent
		for _, text := range want {
			if got := section.words(); !strings.Contains(got, text) {
				t.Errorf("%s lacks %q:\n%s", id, text, got)
			}
		}
	}
	if text := root.all("body")[0].words(); strings.Contains(text, "not to be seen") {
		t.Error("a silenced finding is shown")
	}
	header := root.all("header")[0].words()
	for _, want := range []string{"Change of the rings", "Compared with origin/main", "Changes 7", "New findings 1 of 3", "Stages to come 3 2 done", "Gravest effect destroys data"} {
		if !strings.Contains(header, want) {
			t.Errorf("the header lacks %q: %s", want, header)
		}
	}
}

func TestReviewHTMLGates(t *testing.T) {
	text := parseHTML(t, reviewHTML(t, htmlFullReview())).id(t, "t1-plan").parent.words()
	for _, want := range []string{
		"Gate rebuild-complete waiting Every pod",
		"waiting the replication is complete CassandraDataReplication dc-2",
		"met every pod is up and normal nodetool status lists 3 nodes of dc-2, all UN Warning: one node owns 61 % of the tokens no answer no stream is open",
		"Gate settled The seed host is gone. no pod has the seed host",
		"No gate: the stage starts when you decide so.",
		"Record evidence/us-west1/02-start-expand.yaml Procedure expand Built from us-east1 Seed host 10.100.0.11 Seed host told by pod apigee/apigee-cassandra-default-0 datacenter dc-2 network flat replicas 3",
		"met the ring has the datacenter nodetool status lists dc-1 with 3 nodes",
		"Releases: apigee-datastore , apigee-operator",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}

	lone := htmlFullReview()
	lone.Plan.Steps = nil
	if text := parseHTML(t, reviewHTML(t, lone)).id(t, "t1-plan").parent.words(); !strings.Contains(text, "us-west1 waits as rebuilding Gate rebuild-complete waiting") {
		t.Errorf("a gate without a step is lost:\n%s", text)
	}
}

func TestReviewHTMLOrder(t *testing.T) {
	page := reviewHTML(t, htmlFullReview())
	inOrder := func(parts ...string) {
		t.Helper()
		last := -1
		for _, p := range parts {
			i := strings.LastIndex(page, p)
			if i < last {
				t.Errorf("%q comes too early", p)
			}
			last = i
		}
	}
	inOrder("cassandra.storage.capacity", "cassandra.resources.requests.memory", "logger.image.tag") // removals first
	inOrder("RP044", "RP012", "RP031")                                                               // new first, then severe ones
	inOrder(`id="t1-what"`, `id="t1-regions"`, `id="t1-effects"`, `id="t1-plan"`, `id="t1-diffs"`, `id="t1-findings"`)
	for range 5 {
		if reviewHTML(t, htmlFullReview()) != page {
			t.Fatal("the same review gives another page")
		}
	}
}

func TestReviewHTMLValues(t *testing.T) {
	page := reviewHTML(t, htmlFullReview())
	for _, want := range []string{"<del>&#34;true&#34;</del>", "<ins>true</ins>", "<del>8Gi</del>", "<ins>12Gi</ins>"} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for v, want := range map[any]string{"": `""`, "a\nb\n": "a\nb", 3: "3", nil: "null"} {
		check(t, want, htmlValue(v))
	}
	check(t, "{\n  \"a\": \"<x>\"\n}", htmlValue(map[string]any{"a": "<x>"}))
	check(t, "(1+2i)", htmlValue(1+2i))
}

// TestReviewHTMLSecrets shows that no value gets onto a page that the other
// reports hide, however deep it stands.
func TestReviewHTMLSecrets(t *testing.T) {
	r := htmlFullReview()
	change := manifest.Change{File: "a.yaml", Path: "cassandra.auth", Op: manifest.Added, New: map[string]any{"list": []any{map[string]any{"password": "hunter2"}}, "user": "someone"}}
	r.Plan.Steps[0].Changes = []manifest.Change{change, {File: "a.yaml", Path: "api.token", Op: manifest.Changed, Old: "hunter2", New: "hunter22"}}
	r.Diff.Regions[0].Changes = append(r.Diff.Regions[0].Changes, Effected{Change: change})
	page := reviewHTML(t, r)
	if strings.Contains(page, "hunter2") {
		t.Error("a password is shown")
	}
	for _, want := range []string{"someone", "<del>(hidden)</del>", "<ins>(hidden)</ins>"} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestReviewHTMLEmpty(t *testing.T) {
	root := parseHTML(t, reviewHTML(t, Review{Topology: "acme"}))
	text := root.all("main")[0].words()
	for _, want := range []string{"Nothing changes.", "There is nothing left to do.", "There are no findings.", "The topology has no regions.", "No region is affected."} {
		if !strings.Contains(text, want) {
			t.Errorf("an empty review lacks %q: %s", want, text)
		}
	}
	if strings.Contains(root.words(), "Compared with") {
		t.Error("no base is shown as one")
	}
	if text := parseHTML(t, reviewHTML(t)).all("main")[0].words(); text != "No topology was reviewed." {
		t.Errorf("no review at all: %s", text)
	}
}

func TestReviewHTMLSeveral(t *testing.T) {
	other := htmlFullReview()
	other.Topology, other.Base = "acme-test", "v1.2"
	page := reviewHTML(t, htmlFullReview(), other)
	root := parseHTML(t, page)
	if header := root.all("header")[0].words(); strings.Contains(header, "Compared") || !strings.Contains(header, "Changes 14") {
		t.Errorf("the header of two bases: %s", header)
	}
	for _, want := range []string{"Compared with <code>origin/main</code>", "Compared with <code>v1.2</code>", `<a href="#t1">acme-prod</a>`, `<a href="#t2">acme-test</a>`, "acme-test</a></th><td"} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// TestReviewHTMLBroken shows that a page claims nothing of a topology that
// cannot be read.
func TestReviewHTMLBroken(t *testing.T) {
	page := reviewHTML(t, htmlFullReview(), Review{Topology: "odd.yaml", Broken: true, Findings: diag.List{{Code: "RP001", Severity: diag.Error, Message: "no YAML"}}})
	checkHTMLPage(t, page)
	root := parseHTML(t, page)
	text := root.id(t, "t2").parent.words()
	for _, claim := range []string{"Nothing changes", "nothing left", "no regions", "No region"} {
		if strings.Contains(text, claim) {
			t.Errorf("it says %q of a topology that cannot be read: %s", claim, text)
		}
	}
	if !strings.Contains(text, "cannot be read") || !strings.Contains(text, "RP001 - no YAML") {
		t.Errorf("it does not say what is wrong: %s", text)
	}
	if overview := root.id(t, "overview").parent.words(); !strings.Contains(overview, "nothing is known of it. – – 1 –") {
		t.Errorf("the overview: %s", overview)
	}
	if header := root.all("header")[0].words(); !strings.Contains(header, "Compared with origin/main") {
		t.Errorf("a review without a base hides that of the others: %s", header)
	}
}

// checkHTMLPage holds every page to what a browser, a screen reader and a
// policy ask of it.
func checkHTMLPage(t *testing.T, page string) {
	t.Helper()
	root := parseHTML(t, page)
	ids := map[string]bool{}
	for _, e := range root.all("") {
		if id := e.attr["id"]; id != "" && ids[id] {
			t.Errorf("the id %q is there twice", id)
		} else {
			ids[id] = true
		}
	}
	level := 0
	for _, e := range root.all("") {
		checkHTMLElement(t, e, ids)
		if len(e.name) == 2 && e.name[0] == 'h' && e.name[1] >= '1' && e.name[1] <= '6' {
			if next := int(e.name[1] - '0'); next > level+1 {
				t.Errorf("heading %q goes from level %d to %d", e.words(), level, next)
			}
			level = int(e.name[1] - '0')
		}
	}
	if n := len(root.all("h1")); n != 1 {
		t.Errorf("%d elements are h1", n)
	}
	if root.all("html")[0].attr["lang"] != "en" || len(root.all("nav")) != 1 || len(root.all("main")) != 1 {
		t.Error("no language, navigation or main part")
	}
	if !strings.Contains(page, `<meta name="viewport" content="width=device-width, initial-scale=1"/>`) {
		t.Error("no viewport")
	}
}

var htmlOutside = regexp.MustCompile(`(?i)url\s*\(|@import|@font-face|expression\s*\(|image-set\s*\(`)

func checkHTMLElement(t *testing.T, e *htmlElement, ids map[string]bool) {
	t.Helper()
	switch e.name {
	case "script", "iframe", "img", "image", "link", "object", "embed", "base", "form", "input", "video", "audio", "foreignObject":
		t.Errorf("there is a %s", e.name)
	case "style":
		if htmlOutside.MatchString(e.text()) {
			t.Errorf("the style may load something: %s", htmlOutside.FindString(e.text()))
		}
	case "table":
		if len(e.all("caption")) != 1 {
			t.Errorf("a table has no caption: %s", e.words())
		}
		if box := e.parent; box.attr["tabindex"] != "0" || box.attr["role"] != "region" || box.attr["aria-label"] == "" {
			t.Errorf("a table cannot be scrolled by key: %s", e.words())
		}
	case "th":
		if e.attr["scope"] == "" {
			t.Errorf("a heading of a table has no scope: %s", e.words())
		}
	case "section", "article":
		if !ids[e.attr["aria-labelledby"]] {
			t.Errorf("a section has no name: %v", e.attr)
		}
	case "details":
		if len(e.children) == 0 || e.children[0].name != "summary" {
			t.Errorf("a fold has no summary: %s", e.words())
		}
	}
	for name, value := range e.attr {
		switch {
		case strings.HasPrefix(name, "on"), name == "style", name == "srcset", name == "src", name == "action", name == "ping":
			t.Errorf("%s has the attribute %s=%q", e.name, name, value)
		case name == "href" && (!strings.HasPrefix(value, "#") || !ids[value[1:]]):
			t.Errorf("a link leads to %q", value)
		case name != "class" && name != "content" && htmlOutside.MatchString(value) && !strings.HasPrefix(value, "url(#"):
			t.Errorf("%s has %s=%q", e.name, name, value)
		}
	}
}

func TestReviewHTMLStructure(t *testing.T) {
	for name, list := range map[string][]Review{
		"none": nil, "empty": {{Topology: "acme"}}, "full": {htmlFullReview()}, "several": {htmlFullReview(), {Topology: "b"}, htmlFullReview()}, "hostile": {htmlHostileReview(htmlHostile)},
	} {
		t.Run(name, func(t *testing.T) { checkHTMLPage(t, reviewHTML(t, list...)) })
	}
}

// TestReviewHTMLPolicy shows that the policy of the page allows its
// styles, and nothing else.
func TestReviewHTMLPolicy(t *testing.T) {
	root := parseHTML(t, reviewHTML(t, htmlFullReview()))
	want := "default-src 'none'; style-src"
	for _, style := range root.all("style") {
		sum := sha256.Sum256([]byte(style.text()))
		want += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want += "; base-uri 'none'; form-action 'none'"
	for _, meta := range root.all("meta") {
		if meta.attr["http-equiv"] == "Content-Security-Policy" {
			check(t, want, meta.attr["content"])
			return
		}
	}
	t.Error("the page has no policy")
}

const htmlHostile = "</style></script><script>alert(1)</script>\"'` onload=x javascript:alert(1) {{.}} \u202e\x1b[31m\x00 ]]> &amp; -->"

// htmlHostileReview returns a review in which every text is that one.
func htmlHostileReview(x string) Review {
	gate := &stage.Gate{Name: x, Words: x, Checks: []string{x}}
	results := []stage.Result{{Check: x, Answer: stage.Answer(x), Reason: x, Warning: x}}
	change := manifest.Change{File: x, Document: x, Path: x, Op: manifest.Changed, Old: x, New: map[string]any{x: x}}
	return Review{
		Topology: x, Base: x,
		Diff: Diff{Topology: x, Against: x, Regions: []RegionDiff{{Region: x, Changes: []Effected{{Change: change, Effect: system.Effect{Class: system.Class(x), Why: x, Procedure: x}}}}}},
		Plan: Plan{Topology: x, Left: []string{x}, Commands: true,
			Done:  []stage.Record{{Region: x, Action: stage.Advance, Procedure: x, From: stage.Phase(x), To: stage.Phase(x), Gate: x, Source: x, SeedHost: x, SeedFrom: x, Facts: map[string]string{x: x}, Results: results}},
			Steps: []system.Step{{Stage: stage.Stage{Region: x, From: stage.Phase(x), To: stage.Phase(x), Gate: gate, Current: true}, Changes: []manifest.Change{change}, Releases: []string{x}, Commands: []system.Command{{Comment: x, Run: x}}}}},
		Status:   Status{Regions: []Standing{{Progress: stage.Progress{Region: x, Phase: stage.Phase(x)}, Gate: &Gate{Gate: gate, Results: results}, Refusals: []stage.Refusal{{Message: x, Way: x}}}}},
		Graph:    Graph{Topology: x, System: x, Version: x, Regions: []GraphRegion{{Name: x, Datacenter: x, Platform: x, Cluster: x, Rack: x, Ranges: []string{x}, Model: x, Source: x, Procedure: x, Phase: stage.Phase(x), Gate: x}}},
		Findings: diag.List{{Code: x, Pos: diag.Pos{File: x}, Path: x, Message: x, Hint: x, Baseline: diag.New}},
	}
}

func TestReviewHTMLEscapes(t *testing.T) {
	page, err := ReviewHTML([]Review{htmlHostileReview(htmlHostile)}, htmlHostile)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "</script", "\u202e", "\x1b", "\x00", "ZgotmplZ", `href="javascript`} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "</style>"); n != 2 { // of the page, and of the picture
		t.Errorf("%d styles end", n)
	}
	root := parseHTML(t, page)
	shown := strings.NewReplacer("\u202e", `\u202e`, "\x1b", `\u001b`, "\x00", "\uFFFD").Replace(htmlHostile)
	if n := strings.Count(root.all("body")[0].text(), shown); n < 40 {
		t.Errorf("a hostile text is shown %d times only", n)
	}
	if got := root.all("title")[0].text(); got != shown {
		t.Errorf("the title is %q", got)
	}
	if got := unhidden("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("broken UTF-8 gives %q", got)
	}
}

// htmlLargeReview returns a review of that many regions.
func htmlLargeReview(regions int) Review {
	r := Review{Topology: "large", Base: "main"}
	one := htmlFullReview()
	for i := range regions {
		name := fmt.Sprintf("region-%04d", i)
		r.Graph.Regions = append(r.Graph.Regions, GraphRegion{Name: name, Datacenter: "dc", Ranges: []string{"10.0.0.0/16"}, Phase: stage.Serving})
		r.Diff.Regions = append(r.Diff.Regions, RegionDiff{Region: name, Changes: one.Diff.Regions[0].Changes})
		rec := one.Plan.Done[1]
		rec.Step, rec.Region = i+1, name
		r.Plan.Done = append(r.Plan.Done, rec)
		step := one.Plan.Steps[0]
		step.Number, step.Region = regions+i+1, name
		r.Plan.Steps = append(r.Plan.Steps, step)
		f := one.Findings[0]
		f.Path = name
		r.Findings = append(r.Findings, f)
	}
	return r
}

// TestReviewHTMLLarge shows that a page grows with what it tells, and by no
// more.
func TestReviewHTMLLarge(t *testing.T) {
	size := func(n int) int {
		return len(reviewHTML(t, htmlLargeReview(n))) - len(reviewHTML(t, htmlLargeReview(0)))
	}
	ten, hundred := size(10), size(100)
	if ratio := float64(hundred) / float64(ten); ratio < 8 || ratio > 12 {
		t.Errorf("10 regions take %d bytes, 100 take %d", ten, hundred)
	}
	page := reviewHTML(t, htmlLargeReview(100))
	for i := range 100 {
		if name := fmt.Sprintf("region-%04d", i); strings.Count(page, name) < 6 {
			t.Errorf("%s is not in every section", name)
		}
	}
	checkHTMLPage(t, page)
	if !strings.Contains(page, "<summary>100 steps done before</summary>") {
		t.Error("100 steps are not folded")
	}
	fresh := htmlLargeReview(9)
	fresh.Taken = fresh.Plan.Done
	if page := reviewHTML(t, fresh); !strings.Contains(page, "<summary>9 steps done by this change</summary>") || strings.Contains(page, "done before") {
		t.Error("9 steps of a change are not folded")
	}
}

// TestReviewHTMLPrint shows that every phrase of the style that folds
// something opens it in print.
func TestReviewHTMLPrint(t *testing.T) {
	_, print, ok := strings.Cut(reviewStyle, "@media print {")
	if !ok {
		t.Fatal("no rules for print")
	}
	for _, want := range []string{"details > *:not(summary) { display: block; }", "details::details-content { content-visibility: visible;", ".scroll, pre[tabindex] { overflow: visible; }"} {
		if !strings.Contains(print, want) {
			t.Errorf("print lacks %q", want)
		}
	}
	if !strings.Contains(reviewStyle, ":focus-visible {") {
		t.Error("the focus cannot be seen")
	}
}

var (
	htmlColour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`)
	htmlUses   = regexp.MustCompile(`[{;]\s*(color|background): var\(--([a-z-]+)\)`)
)

// htmlThemes returns the colours of the style, in the light and in the dark.
func htmlThemes(t *testing.T) (light, dark map[string]float64) {
	t.Helper()
	before, after, ok := strings.Cut(reviewStyle, "@media screen and (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark theme")
	}
	read := func(css string) map[string]float64 {
		found := map[string]float64{}
		for _, m := range htmlColour.FindAllStringSubmatch(css, -1) {
			found[m[1]] = htmlLuminance(t, m[2])
		}
		return found
	}
	return read(before), read(after)
}

// htmlLuminance is the relative luminance of WCAG 2.2.
func htmlLuminance(t *testing.T, hex string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestReviewHTMLContrast takes every pair of colours that stand on one another,
// in both themes.
func TestReviewHTMLContrast(t *testing.T) {
	light, dark := htmlThemes(t)
	pairs := [][2]string{{"text", "page"}, {"text", "panel"}, {"muted", "page"}, {"muted", "panel"}, {"link", "page"}, {"restart", "page"}, {"page", "safe"}}
	for name := range light {
		if _, ok := light[name+"-back"]; ok {
			pairs = append(pairs, [2]string{name, name + "-back"})
		}
	}
	for _, m := range htmlUses.FindAllStringSubmatch(reviewStyle, -1) {
		known := slices.ContainsFunc(pairs, func(p [2]string) bool { return m[1] == "color" && p[0] == m[2] || m[1] == "background" && p[1] == m[2] })
		if !known {
			t.Errorf("%s: --%s is in no pair", m[1], m[2])
		}
	}
	for theme, colours := range map[string]map[string]float64{"light": light, "dark": dark} {
		if len(colours) != len(light) {
			t.Errorf("the %s theme has %d colours, not %d", theme, len(colours), len(light))
		}
		for _, p := range pairs {
			a, b := colours[p[0]], colours[p[1]]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", theme, p[0], p[1], ratio)
			}
		}
	}
}
