package observe

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A reader reads the fields of one object. A field of a wrong type is a
// problem, a field that is missing or null is not.
type reader struct {
	in       *input
	root     *value
	object   string
	path     string // of root in the object
	problems *[]Problem
	seen     map[Problem]bool // of them, one for all fields below a wrong one
}

// kinds lists the objects that are read, by group and kind.
var kinds = map[[2]string]struct {
	kind Kind
	read func(*reader, *Observation)
}{
	{"apigee.cloud.google.com", "ApigeeDatastore"}:          {KindDatastore, readDatastore},
	{"apigee.cloud.google.com", "CassandraDataReplication"}: {KindReplication, readReplication},
	{"apigee.cloud.google.com", "ApigeeOrganization"}:       {KindOrganization, readOrganization},
	{"", "Pod"}:                   {KindPod, readPod},
	{"", "Node"}:                  {KindNode, readNode},
	{"", "PersistentVolumeClaim"}: {KindClaim, readClaim},
}

// objects observes a JSON document: an object, a List, or a bare list of them.
// A typed List may leave the kind out of its items.
func (in *input) objects(v *value, apiVersion, kind string) {
	if v.shape != isObject {
		in.problem(v.start, "a JSON list holds "+string(v.shape)+" where an object should be", accepted)
		return
	}
	if s := v.str("kind"); s != "" {
		kind = s
	}
	if s := v.str("apiVersion"); s != "" {
		apiVersion = s
	}
	items := v.get("items")
	if items == nil || !strings.HasSuffix(kind, "List") {
		in.one(v, apiVersion, kind)
		return
	}
	switch {
	case items.shape != isArray:
		in.problem(items.start, "the items of a "+clip(kind)+" are "+string(items.shape)+", not a list", accepted)
	case len(items.items) == 0:
		in.problem(v.start, "a "+clip(kind)+" without items: kubectl found nothing, which says nothing about any object", "check the namespace and the name that were asked for")
	}
	if kind == "List" {
		apiVersion = "" // its own, not that of its items
	}
	outer := in.list
	if outer == "" {
		in.list = digest(in.data[v.start:v.end])
	}
	for _, item := range items.items {
		in.objects(item, apiVersion, strings.TrimSuffix(kind, "List"))
	}
	in.list = outer
}

// one observes a single object.
func (in *input) one(v *value, apiVersion, kind string) {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	known, ok := kinds[[2]string{group, kind}]
	switch {
	case kind == "" || apiVersion == "":
		in.problem(v.start, "a JSON object without apiVersion and kind, as jq prints a part of one", "give the whole object: kubectl get … -o json")
		return
	case !ok:
		in.problem(v.start, "an object of kind "+clip(kind)+" ("+clip(apiVersion)+"), which no check reads", accepted)
		return
	}
	var problems []Problem
	r := &reader{in: in, root: v, object: kind, problems: &problems, seen: map[Problem]bool{}}
	o := Observation{Kind: known.kind, Namespace: r.name("metadata.namespace"), Name: r.name("metadata.name")}
	r.object = o.Object()
	if o.Name == "" && len(problems) == 0 {
		r.bad(v, "metadata.name", "is missing")
	}
	known.read(r, &o)
	in.problems = append(in.problems, problems...)
	if len(problems) == 0 {
		in.observe(v.start, v.end, o)
	}
}

// bad reports a problem with a field of the object.
func (r *reader) bad(at *value, path, message string) {
	if r.path != "" {
		path = r.path + "." + path
	}
	p := Problem{Pos: r.in.pos(at.start), Object: r.object, Path: path, Message: message}
	if !r.seen[p] {
		r.seen[p] = true
		*r.problems = append(*r.problems, p)
	}
}

// within returns a reader of a value inside the object.
func (r *reader) within(v *value, path string) *reader {
	inner := *r
	inner.root = v
	if r.path != "" {
		path = r.path + "." + path
	}
	inner.path = path
	return &inner
}

// find returns the value at a dotted path if it has the shape, or nil.
func (r *reader) find(path string, want shape) *value {
	v, keys := r.root, strings.Split(path, ".")
	for i, key := range keys {
		if v = v.get(key); v == nil || v.shape == isNull {
			return nil
		}
		at := want
		if i+1 < len(keys) {
			at = isObject
		}
		if v.shape != at {
			r.bad(v, strings.Join(keys[:i+1], "."), "is "+string(v.shape)+", not "+string(at))
			return nil
		}
	}
	return v
}

func (r *reader) str(path string) Opt[string] {
	if v := r.find(path, isString); v != nil {
		return Some(v.text)
	}
	return Opt[string]{}
}

// name reads a name as Kubernetes accepts it; "" if there is none.
func (r *reader) name(path string) string {
	s := r.str(path).Or("")
	if s != "" && !isName(s) {
		r.bad(r.find(path, isString), path, "is not a name that Kubernetes accepts")
		return ""
	}
	return s
}

func (r *reader) bool(path string) Opt[bool] {
	if v := r.find(path, isBool); v != nil {
		return Some(v.truth)
	}
	return Opt[bool]{}
}

func (r *reader) int(path string) Opt[int64] {
	v := r.find(path, isNumber)
	if v == nil {
		return Opt[int64]{}
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		r.bad(v, path, "is not a whole number that fits 64 bits")
		return Opt[int64]{}
	}
	return Some(n)
}

// count reads a whole number that counts something.
func (r *reader) count(path string) Opt[int64] {
	n := r.int(path)
	if n.Or(0) < 0 {
		r.bad(r.find(path, isNumber), path, "is negative")
		return Opt[int64]{}
	}
	return n
}

func (r *reader) time(path string) time.Time {
	v := r.find(path, isString)
	if v == nil {
		return time.Time{}
	}
	t, ok := parseTime(v.text)
	if !ok {
		r.bad(v, path, "is not a time such as 2026-03-02T09:30:00Z")
	}
	return t
}

// epoch reads a time in seconds since 1970.
func (r *reader) epoch(path string) time.Time {
	n, ok := r.int(path).Get()
	if !ok {
		return time.Time{}
	}
	t := time.Unix(n, 0).UTC()
	if n < 0 || t.Year() > 9999 {
		r.bad(r.find(path, isNumber), path, "is not a time in seconds since 1970")
		return time.Time{}
	}
	return t
}

func (r *reader) addr(path string) netip.Addr {
	v := r.find(path, isString)
	if v == nil || v.text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(v.text)
	if err != nil {
		r.bad(v, path, "is not an IP address")
	}
	return a.Unmap()
}

// strs reads a list of strings; nil if there is none.
func (r *reader) strs(path string) []string {
	v := r.find(path, isArray)
	if v == nil {
		return nil
	}
	list := []string{}
	for i, item := range v.items {
		if item.shape != isString {
			r.bad(item, index(path, i), "is "+string(item.shape)+", not "+string(isString))
			continue
		}
		list = append(list, item.text)
	}
	return list
}

// each calls read for every object of a list.
func (r *reader) each(path string, read func(*reader)) {
	v := r.find(path, isArray)
	if v == nil {
		return
	}
	for i, item := range v.items {
		if item.shape != isObject {
			r.bad(item, index(path, i), "is "+string(item.shape)+", not "+string(isObject))
			continue
		}
		read(r.within(item, index(path, i)))
	}
}

// labels returns the labels that keep accepts; nil if there are none.
func (r *reader) labels(keep func(key string) bool) map[string]string {
	v := r.find("metadata.labels", isObject)
	if v == nil {
		return nil
	}
	var labels map[string]string
	for _, f := range v.fields {
		if !keep(f.key) {
			continue
		}
		if f.value.shape != isString {
			r.bad(f.value, join("metadata.labels", f.key), "is "+string(f.value.shape)+", not "+string(isString))
			continue
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[f.key] = f.value.text
	}
	return labels
}

// parseTime reads a time of RFC 3339, in UTC. Times before 1970 are none that
// a cluster has seen.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, false
	}
	if t = t.UTC(); !plausible(t) {
		return time.Time{}, false
	}
	return t, true
}

func plausible(t time.Time) bool { return 1970 <= t.Year() && t.Year() <= 9999 }

// holdsSecret reports whether a Kubernetes Secret is anywhere in a value. A
// mere reference to one has neither data nor metadata.
func (v *value) holdsSecret() bool {
	kind, content := "", false
	for _, f := range v.fields {
		if f.key == "kind" && strings.HasPrefix(f.value.text, "Secret") && kind != "Secret" && kind != "SecretList" {
			kind = f.value.text
		}
		content = content || f.key == "data" || f.key == "stringData" || f.key == "metadata" || f.key == "items"
		if f.value.holdsSecret() {
			return true
		}
	}
	for _, item := range v.items {
		if item.holdsSecret() {
			return true
		}
	}
	return content && (kind == "Secret" || kind == "SecretList")
}

// secretKind finds the kind of a Secret in text that is no sound JSON.
var secretKind = regexp.MustCompile(`(?m)["']?\bkind["']?\s*:\s*["']?Secret(List)?["']?\s*(,|\}|#|$)`)

// plainWord matches a word that stands in a message as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9./_-]{0,60}`)

// clip makes a word of the input fit for a message.
func clip(word string) string {
	if plain := plainWord.FindString(word); plain != word {
		return strconv.Quote(plain + "…")
	}
	return word
}

var nameShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// isName reports whether Kubernetes accepts the name of such an object.
func isName(s string) bool { return nameShape.MatchString(s) }
