package observe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringplan/ringplan/pkg/diag"
)

// accepted says what Parse reads.
const accepted = "accepted are kubectl get … -o json of apigeeds, apigeeorg, cdr, pods, nodes and pvc, the output of nodetool status, netstats and describecluster, and the log of a rebuild"

// Parse reads an input that may hold several parts, one after the other: JSON
// documents of kubectl (an object, a List, several of either), the output of
// nodetool commands, and the log of a rebuild, in any mix. The kind of a part
// is recognised from its content; source only names the input.
//
// A part with a problem gives no observation. Lines that kubectl, the JVM and
// loggers are known to add are skipped; everything else is a problem if it is
// not recognised, and so is an input without any observation. A line
//
//	# observed-at: 2026-03-02T09:30:00Z
//
// says when what follows was observed, up to the next such line.
func Parse(source string, data []byte) (Set, []Problem) {
	in := &input{source: source, data: data, lines: []int{0}, quiet: -1, prose: -1}
	for i, b := range data {
		if b == '\n' {
			in.lines = append(in.lines, i+1)
		}
	}
	in.sum = digest(data)
	if in.readable() {
		in.scan()
	}
	switch {
	case in.secret != nil:
		return nil, []Problem{*in.secret}
	case len(in.set) == 0 && len(in.problems) == 0 && in.quiet >= 0:
		in.problem(in.quiet, "a Cassandra log without a line of a rebuild", "give the log since the rebuild began, from the pod that rebuilds")
	case len(in.set) == 0 && len(in.problems) == 0:
		in.problem(0, "the input holds no observation", accepted)
	}
	sort.SliceStable(in.problems, func(i, j int) bool { return in.problems[i].Pos.Line < in.problems[j].Pos.Line })
	return in.set, in.problems
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// An input is what one call of Parse works on.
type input struct {
	source   string
	data     []byte
	sum      string
	lines    []int // where each begins
	taken    time.Time
	set      Set
	problems []Problem
	secret   *Problem // why the whole input is refused
	quiet    int      // where a log without a rebuild begins, or -1
	list     string   // the digest of the List that what is read now stands in
	// prose is where text begins that is not recognised, or -1, and output
	// the number of observations up to one from text; both with nothing but
	// noise since.
	prose, output int
}

// pos returns the place of an offset.
func (in *input) pos(offset int) diag.Pos {
	line, found := slices.BinarySearch(in.lines, offset)
	if found {
		line++
	}
	return diag.Pos{File: in.source, Line: line}
}

// problem reports a part that is about no object.
func (in *input) problem(at int, message, hint string) {
	in.problems = append(in.problems, Problem{Pos: in.pos(at), Message: message, Hint: hint})
}

// refuse refuses the whole input for a Secret.
func (in *input) refuse(at int) {
	if in.secret == nil {
		in.secret = &Problem{Pos: in.pos(at), Message: "the input holds a Kubernetes Secret, so that nothing of it is read", Hint: "give the input without it; no check needs a Secret"}
	}
}

// observe records what was read from data[start:end].
func (in *input) observe(start, end int, o Observation) {
	o.Source, o.Line = in.source, in.pos(start).Line
	o.Digest, o.Input = digest(in.data[start:end]), in.sum
	o.Taken, o.List = in.taken, in.list
	in.set = append(in.set, o)
}

// readable reports whether the input is text.
func (in *input) readable() bool {
	switch {
	case bytes.HasPrefix(in.data, []byte{0xff, 0xfe}), bytes.HasPrefix(in.data, []byte{0xfe, 0xff}):
		in.problem(0, "the input is UTF-16, as PowerShell writes it", "write it as UTF-8: … | Out-File -Encoding utf8")
	case !utf8.Valid(in.data):
		bad := 0
		for bad < len(in.data) {
			r, size := utf8.DecodeRune(in.data[bad:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			bad += size
		}
		in.problem(bad, "the input is not text in UTF-8", accepted)
	default:
		return true
	}
	return false
}

// scan reads one part after the other.
func (in *input) scan() {
	for at := in.skip(0); at < len(in.data); at = in.skip(at) {
		at = in.part(at)
	}
}

// skip returns where the next text begins, past space and byte order marks.
func (in *input) skip(at int) int {
	const space = " \t\r\n\ufeff"
	return len(in.data) - len(bytes.TrimLeft(in.data[at:], space))
}

// part reads the part that begins at an offset, and returns where it ends.
func (in *input) part(at int) int {
	if jsonStart.Match(in.data[at:min(len(in.data), at+100)]) {
		in.prose, in.output = -1, 0
		return in.document(at)
	}
	l := in.line(at)
	switch {
	case strings.HasPrefix(l.text, statusStart):
		return in.text(at, in.status)
	case netStatsStart.MatchString(l.text):
		return in.text(at, in.netStats)
	case l.text == clusterStart:
		return in.text(at, in.cluster)
	case logLine.MatchString(l.text):
		return in.text(at, in.log)
	case observedAt.MatchString(l.text):
		return in.observedAt(l)
	case noise.MatchString(l.text):
		return l.end
	}
	return in.unknown(at)
}

// text reads a part that is no JSON. Next to text that is not recognised it
// may be a piece of something, and is not used.
func (in *input) text(at int, read func(int) int) int {
	set, problems := len(in.set), len(in.problems)
	end := read(at)
	switch {
	case len(in.set) > set:
		in.output = len(in.set)
		if in.prose >= 0 {
			in.withdraw()
		}
		in.prose = -1
	case len(in.problems) > problems:
		in.prose, in.output = -1, 0
	}
	return end
}

// withdraw takes back the last observation, which is from text.
func (in *input) withdraw() {
	o := in.set[in.output-1]
	in.set = in.set[:in.output-1]
	in.output = 0
	in.problems = append(in.problems, Problem{Pos: o.Pos(), Object: string(o.Kind), Message: "stands next to text that is not recognised, and may be a part of something: it is not used", Hint: "give the output of the command alone"})
}

// jsonStart matches the start of a JSON document; a log line may begin with
// "[" too.
var jsonStart = regexp.MustCompile(`^(\{|\[\s*(\{|\]))`)

// document reads a JSON document.
func (in *input) document(at int) int {
	v, end, err := decode(in.data, at)
	if err != nil {
		next := in.resume(end)
		if secretKind.Match(in.data[at:next]) {
			in.refuse(at)
		}
		in.problem(max(at, end-1), err.Error(), "run the command again and keep all of its output")
		return next
	}
	if v.holdsSecret() {
		in.refuse(at)
		return end
	}
	sound := true
	v.duplicates("", func(path string, field *value) {
		sound = false
		in.problems = append(in.problems, Problem{Pos: in.pos(field.start), Path: path, Message: "comes twice in one object, so that it is not known which holds", Hint: "run the command again; kubectl writes no such JSON"})
	})
	switch {
	case !sound:
	case v.shape == isObject:
		in.objects(v, "", "")
	case len(v.items) == 0:
		in.problem(at, "an empty JSON list", accepted)
	default:
		for _, item := range v.items {
			in.objects(item, "", "")
		}
	}
	return end
}

// resume returns where the next part begins at an offset or after it: at a
// line, not indented, that begins something.
func (in *input) resume(at int) int {
	if at > 0 && in.data[at-1] != '\n' {
		at = in.line(at).end
	}
	for at < len(in.data) {
		l := in.line(at)
		if in.data[at] == '{' || begins(l.text) && in.data[at] == l.text[0] {
			return at
		}
		at = l.end
	}
	return at
}

// begins reports whether a line is the first of a part that is no JSON.
func begins(text string) bool {
	return strings.HasPrefix(text, statusStart) || netStatsStart.MatchString(text) || text == clusterStart ||
		logLine.MatchString(text) || observedAt.MatchString(text)
}

// A line is one line of the input, or what is left of it.
type line struct {
	text       string // without space around it
	start, end int    // end is past its newline
}

func (in *input) line(at int) line {
	end := len(in.data)
	if i := bytes.IndexByte(in.data[at:], '\n'); i >= 0 {
		end = at + i + 1
	}
	return line{strings.TrimSpace(string(in.data[at:end])), at, end}
}

var observedAt = regexp.MustCompile(`^#\s*observed-at\b:?\s*(.*)$`)

// observedAt reads the line that says when what follows was observed.
func (in *input) observedAt(l line) int {
	t, ok := parseTime(observedAt.FindStringSubmatch(l.text)[1])
	if !ok {
		in.problem(l.start, "the time of observed-at is not understood", "write it as # observed-at: 2026-03-02T09:30:00Z")
	}
	in.taken = t
	return l.end
}

// noise matches lines that kubectl, the JVM, loggers and shells add to the
// output of a command, and that say nothing about the cluster.
var noise = regexp.MustCompile(strings.Join([]string{
	`^#`, `^---$`,
	`^[\w@:~./()\[\] -]*[$+%>] .*\b(kubectl|nodetool|oc)\b`,
	`^Default(ed|ing) container `,
	`^Unable to use a TTY `,
	`^Picked up _?JAVA(_TOOL)?_OPTIONS`,
	`^OpenJDK .* warning: `, `^Java HotSpot.* warning: `, `^\[\d+\.\d+s\]\[warning\]`,
	`^(log4j|SLF4J):`,
	`^(Note|NOTE|Warning|WARNING|WARN): `,
	`^\d\d:\d\d:\d\d[,.]\d+ \|-(INFO|WARN) `,
	`^[IW]\d{4} \d\d:\d\d:\d\d\.\d+ `,
}, "|"))

// unknown reports lines that are not recognised, up to the next part.
func (in *input) unknown(at int) int {
	end := in.resume(in.line(at).end)
	if secretKind.Match(in.data[at:end]) {
		in.refuse(at)
	}
	if in.output > 0 {
		in.withdraw()
	}
	in.prose = at
	text := string(in.data[at:end])
	for _, l := range looks {
		if l.sign.MatchString(text) {
			in.problem(at, strings.Replace(l.message, "#", count(text), 1), l.hint)
			return end
		}
	}
	in.problem(at, count(text)+" of text that is not recognised", accepted)
	return end
}

func count(text string) string {
	n := strings.Count(strings.TrimSpace(text), "\n") + 1
	if n == 1 {
		return "1 line"
	}
	return strconv.Itoa(n) + " lines"
}

// looks says what unknown text looks like; the first that matches wins.
var looks = []struct {
	sign          *regexp.Regexp
	message, hint string
}{
	{regexp.MustCompile(`(?m)^(- )?(apiVersion|kind|items|metadata):`), "this is YAML (#)", "use kubectl get … -o json"},
	{regexp.MustCompile(`(?m)^(error|Error|Error from server.*|The connection to the server .*|Unable to connect to the server.*|command terminated with exit code.*|nodetool): |^(command terminated|The connection to the server|No resources found|[EF]\d{4} \d\d:\d\d)`), "# of an error of kubectl or nodetool", "the command failed: run it by itself and see what it says"},
	{regexp.MustCompile(`(?m)^\s*(NAMESPACE\s+)?NAME\s+[A-Z]`), "a table of kubectl get (#)", "use kubectl get … -o json"},
	{regexp.MustCompile(`(?m)^Name:\s.*\n(.*\n)*?(Namespace|Labels|Annotations):`), "this is the output of kubectl describe (#)", "use kubectl get … -o json"},
	{regexp.MustCompile(`(?m)^\s*([UD?][NLJM]\s+\S+\s|--\s+Address\s)`), "rows of nodetool status without the line of their datacenter (#)", "give all of its output, from its first line"},
	{regexp.MustCompile(`(?m)^\s*Address\s+(DC\s+)?Rack\s+Status\s+State\s`), "this is the output of nodetool ring (#)", "use nodetool status"},
	{regexp.MustCompile(`(?i)^\s*(<!DOCTYPE|<html|<\?xml)`), "this is a web page (#)", accepted},
}
