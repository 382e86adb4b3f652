package release

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/topology"
)

// The codes of the rules whose problems are found here or by a chart.
const (
	AgainstSchema = "RP140" // a value is against the chart's schema
	Refused       = "RP141" // the chart refuses to render
	UnreadValue   = "RP142" // no template reads a value
	NotStable     = "RP143" // a template renders otherwise every time
	PlainSecret   = "RP144" // a secret stands in rendered manifests
	Twice         = "RP145" // two releases render the same object
	LongName      = "RP146" // a name or label is too long
	HookElsewhere = "RP147" // a hook that Argo CD treats otherwise
	Dropped       = "RP148" // a field that the API server drops or refuses
)

// A Rendered is a release of a region, and what its chart renders.
type Rendered struct {
	Release
	Chart Chart
	Rendering
}

// Check returns what is wrong with the releases of one region together, and with
// what an overlay adds to them, besides what their charts say. complete tells that
// no release is missing, so that a value that no chart reads is read by none at
// all.
func Check(releases []Rendered, added []Object, complete bool) []Problem {
	var problems []Problem
	if complete {
		problems = append(problems, unread(releases)...)
	}
	problems = append(problems, twice(releases)...)
	known := secretsOf(releases)
	charts := map[string]bool{}
	for _, r := range releases {
		if !charts[r.Release.Chart] {
			charts[r.Release.Chart] = true
			problems = append(problems, unstable(releases, r)...)
			problems = append(problems, hooks(releases, r)...)
		}
		for _, o := range slices.Concat(r.Objects, r.Hooks) {
			problems = append(problems, nameless(o)...)
			problems = append(problems, plainSecret(r, o)...)
			problems = append(problems, spilt(r, o, known)...)
			problems = append(problems, tooLong(o)...)
		}
	}
	for _, o := range added {
		problems = append(problems, addedSecret(o)...)
		problems = append(problems, tooLong(o)...)
	}
	return problems
}

// unread finds the values that no chart reads.
func unread(releases []Rendered) []Problem {
	lists := make([][]string, len(releases))
	var all []string
	for i, r := range releases {
		if len(r.Problems) > 0 {
			return nil // what is wrong there comes first
		}
		lists[i] = r.Chart.Unread(r.Release)
		all = append(all, lists[i]...)
	}
	slices.Sort(all)
	var problems []Problem
	var reported []string
	for _, path := range slices.Compact(all) {
		if covered(path, reported) || slices.ContainsFunc(lists, func(list []string) bool { return !covered(path, list) }) {
			continue
		}
		reported = append(reported, path)
		problems = append(problems, Problem{Code: UnreadValue, Value: path, Message: "no template of any chart reads " + path})
	}
	return problems
}

// covered reports whether a list has a path, or one above it.
func covered(path string, list []string) bool {
	return slices.ContainsFunc(list, func(above string) bool { return path == above || below(path, above) })
}

// below reports whether a path leads below another.
func below(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// Doubles reports whether several releases render the same object, which
// kustomize refuses as Helm does.
func Doubles(releases []Rendered) bool { return len(twice(releases)) > 0 }

// twice finds objects that several releases render: Helm refuses to install the
// second.
func twice(releases []Rendered) []Problem {
	type place struct{ release, template string }
	first := map[string]place{}
	var problems []Problem
	for _, r := range releases {
		for _, o := range r.Objects {
			id := o.ID(r.Namespace)
			if other, ok := first[id]; ok {
				where := "releases " + other.release + " and " + r.Name + " both render"
				if other.release == r.Name {
					where = "release " + r.Name + " renders twice"
				}
				problems = append(problems, Problem{Code: Twice, Object: o.String(), Message: fmt.Sprintf("%s %s (%s)", where, o, o.Template)})
				continue
			}
			first[id] = place{r.Name, o.Template}
		}
	}
	return problems
}

// chanceWords say what a function brings in.
func chanceWords(function string) string {
	switch {
	case function == "lookup":
		return "asks the cluster"
	case function == "getHostByName":
		return "asks the name service"
	case function == "now" || function == "ago" || strings.HasPrefix(function, "date"):
		return "asks the clock"
	}
	return "differs every time"
}

// unstable finds calls that make what a chart renders differ from time to time,
// in templates that render something here.
func unstable(releases []Rendered, of Rendered) []Problem {
	renders := map[string]bool{}
	for _, r := range releases {
		if r.Release.Chart == of.Release.Chart {
			for _, o := range slices.Concat(r.Objects, r.Hooks) {
				renders[o.Template] = true
			}
		}
	}
	functions := map[string][]string{}
	for _, call := range of.Chart.Unstable() {
		// What a lookup decides may be that nothing is rendered.
		if call.Function == "lookup" || slices.ContainsFunc(call.Roots, func(root string) bool { return renders[root] }) {
			at := fmt.Sprintf("%s:%d", call.Template, call.Line)
			if !slices.Contains(functions[call.Function], at) {
				functions[call.Function] = append(functions[call.Function], at)
			}
		}
	}
	var problems []Problem
	for _, function := range slices.Sorted(maps.Keys(functions)) {
		problems = append(problems, Problem{
			Code: NotStable, Object: of.Release.Chart,
			Message: fmt.Sprintf("chart %s calls %s, which %s: %s", of.Release.Chart, function, chanceWords(function), few(functions[function])),
			Hint:    whatEnginesMake(function),
		})
	}
	return problems
}

func whatEnginesMake(function string) string {
	if function == "lookup" {
		return "Flux and helm upgrade ask the cluster; for Argo CD, and here, the answer is always that there is nothing [ARGO]"
	}
	return "Argo CD renders it anew each time and shows a difference that never ends; Flux, only at an upgrade; what is rendered here has a fixed text in its place"
}

// few lists some of many.
func few(items []string) string {
	const most = 3
	if len(items) > most {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", len(items)-most)
	}
	return strings.Join(items, ", ")
}

// hooks finds hooks of a chart that Argo CD runs at other times than Helm, or
// never.
func hooks(releases []Rendered, of Rendered) []Problem {
	var always, never []string
	for _, r := range releases {
		if r.Release.Chart != of.Release.Chart {
			continue
		}
		for _, h := range r.Hooks {
			switch {
			case !slices.ContainsFunc(h.Hook.Events, ranByArgo):
				never = append(never, h.String())
			case slices.ContainsFunc(h.Hook.Events, func(e string) bool { return !strings.HasSuffix(e, "delete") && ranByArgo(e) }):
				always = append(always, h.String())
			}
		}
	}
	var problems []Problem
	add := func(objects []string, what, hint string) {
		if len(objects) > 0 {
			slices.Sort(objects)
			problems = append(problems, Problem{Code: HookElsewhere, Object: of.Release.Chart, Message: fmt.Sprintf("chart %s: %s: %s", of.Release.Chart, what, few(slices.Compact(objects))), Hint: hint})
		}
	}
	add(always, "Argo CD runs hooks at every sync that Helm runs at an installation or an upgrade only", "see that it does no harm to run them again")
	add(never, "Argo CD never runs hooks that Helm does", "run what they do by hand")
	return problems
}

// ranByArgo reports whether Argo CD runs the hooks of an event; it has nothing
// for rollbacks and tests [ARGO].
func ranByArgo(event string) bool {
	return strings.Contains(event, "install") || strings.Contains(event, "upgrade") || strings.Contains(event, "delete")
}

// plainSecret finds values of Secrets.
func plainSecret(r Rendered, o Object) []Problem {
	if !isSecret(o) {
		return nil
	}
	var keys []string
	value := ""
	eachValue(o, func(key, text string) {
		keys = append(keys, key)
		if from := r.valueOf(text); value == "" || !has(r.Values, value) && has(r.Values, from) {
			value = from // one of the topology's own counts most
		}
	})
	if len(keys) == 0 {
		return nil
	}
	p := Problem{Code: PlainSecret, Value: value, Object: o.String()}
	whose := "values of the topology"
	if !has(r.Values, value) {
		p.Mild, whose, p.Hint = true, "values of the chart's own", "have the chart refer to a Secret of the cluster instead: everybody knows what is in the chart"
	}
	p.Message = fmt.Sprintf("release %s renders Secret %s with %s: %s (%s)", r.Name, o.Name(), whose, few(keys), o.Template)
	return []Problem{p}
}

// nameless finds what no API server takes for an object.
func nameless(o Object) []Problem {
	for _, field := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "name"}} {
		if Text(o.Doc, field...) == "" && (len(field) == 1 || Text(o.Doc, "metadata", "generateName") == "") {
			return []Problem{{
				Code: Refused, Message: fmt.Sprintf("%s renders an object without %s", o.Template, strings.Join(field, ".")),
				Hint: "give the value that it is made of; or it is a fault of the chart",
			}}
		}
	}
	return nil
}

// addedSecret finds values of a Secret that a component adds.
func addedSecret(o Object) []Problem {
	var keys []string
	if isSecret(o) {
		eachValue(o, func(key, _ string) { keys = append(keys, key) })
	}
	if len(keys) == 0 {
		return nil
	}
	return []Problem{{
		Code: PlainSecret, Object: o.String(), Hint: "take it out of the component, and make it in the cluster; then replace it: it has been written down",
		Message: fmt.Sprintf("a component of the overlay adds Secret %s with its values: %s", o.Name(), few(keys)),
	}}
}

// has reports whether values have something at a path.
func has(values map[string]any, path string) bool {
	found := false
	topology.Values(values).Walk("", func(at string, _ any) { found = found || at == path })
	return found
}

// Limits of names, by what else they become part of [K8S].
const (
	maxName     = 253 // a DNS subdomain
	maxLabel    = 63  // a DNS label, or the value of a label
	maxCronJob  = 52  // 11 are added to name its jobs
	maxStateful = 52  // 11 are added to the label controller-revision-hash of its pods
)

var nameLimits = map[string]int{
	"Service": maxLabel, "Namespace": maxLabel, "Job": maxLabel,
	"CronJob": maxCronJob, "StatefulSet": maxStateful,
}

// tooLong finds names and labels over their limits.
func tooLong(o Object) []Problem {
	var problems []Problem
	limit := cmp.Or(nameLimits[o.Kind()], maxName)
	if n := len(o.Name()); n > limit {
		problems = append(problems, Problem{Code: LongName, Object: o.String(), Message: fmt.Sprintf("%s has a name of %d characters; %d is the most for its kind (%s)", o, n, limit, o.Template)})
	}
	for _, at := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		value, _ := o.Lookup(at...)
		labels, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if s, _ := labels[key].(string); len(s) > maxLabel {
				problems = append(problems, Problem{Code: LongName, Object: o.String(), Message: fmt.Sprintf("label %s of %s has %d characters; %d is the most (%s)", key, o, len(s), maxLabel, o.Template)})
			}
		}
	}
	return problems
}

// Hidden returns the object for people and files: without the values of a
// Secret. What stands for them is no base64, so that nothing applies it.
func (o Object) Hidden(with string) Object {
	if o.Kind() != "Secret" || o.Group() != "" {
		return o
	}
	hidden := map[string]any{}
	doc := maps.Clone(o.Doc)
	for _, field := range []string{"data", "stringData"} {
		switch values := doc[field].(type) {
		case map[string]any:
			for key := range values {
				hidden[key] = with
			}
		case nil:
		default:
			hidden[with] = with // it is no Secret that Kubernetes takes
		}
	}
	if len(hidden) > 0 {
		delete(doc, "stringData")
		doc["data"] = hidden
	}
	o.Doc = doc
	return o
}
