package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// The environment may hold the user and password with which nodetool asks
// Cassandra; else the pod's own are taken.
const (
	jmxUser     = "JMX_USER"
	jmxPassword = "JMX_PASSWORD"
)

// A lookout reads the clusters for gates. It may look again and again.
type lookout struct {
	flags    liveFlags
	config   *live.Kubeconfig
	contexts map[string]string
	now      func() (time.Time, error)
	// input is what commands read.
	input []byte
}

// lookout gets ready to read the clusters of rings; nil, if that is not wanted.
func (f *stepFlags) lookout(rings []*ring) (*lookout, error) {
	if !f.live.on {
		return nil, nil
	}
	contexts, err := f.live.contextsOf(rings)
	if err != nil {
		return nil, err
	}
	config, err := live.Open(f.live.kubeconfig)
	if err != nil {
		return nil, err
	}
	l := &lookout{flags: f.live, config: config, contexts: contexts, now: f.check}
	user, password := os.Getenv(jmxUser), os.Getenv(jmxPassword)
	switch {
	case strings.ContainsAny(user+password, "\r\n"):
		return nil, errors.New(jmxUser + " or " + jmxPassword + " has more than one line")
	case user != "" && password != "":
		l.input = []byte(user + "\n" + password + "\n")
	}
	return l, nil
}

// A waiting is a region that waits at a gate, where the ring stands like that.
type waiting struct {
	*ring
	at     stage.Rollout
	region string
	gate   *stage.Gate
}

// A sight is what was seen for one region.
type sight struct {
	observe.Set
	// system judges by what was seen: what could not be read is unknown.
	system system.System
	// setup says which clusters nobody could ask, because it is not said how they
	// are reached.
	setup []string
}

// wrongSetup makes an error of clusters that nobody could ask: what they would say
// is not known, and watching or trying again tells no more.
func wrongSetup(setup []string) error {
	if len(setup) == 0 {
		return nil
	}
	return fmt.Errorf("how clusters are reached is not set up right, so they cannot be asked:\n  %s", strings.Join(slices.Compact(slices.Sorted(slices.Values(setup))), "\n  "))
}

// A cluster is that of one region, while it is read.
type cluster struct {
	region *topology.Region
	query  live.Query
	answer live.Answer
	// err is why it is not asked.
	err error
}

// ask reads what the next gate of a region wants, and returns how to judge by
// that. Without a lookout nothing is read.
func (l *lookout) ask(ctx context.Context, r *ring, at stage.Rollout, req system.Request, adopts bool) (system.System, system.Request, error) {
	if l == nil {
		return r.system, req, nil
	}
	gate := r.system.Gate(r.compiled, at.At(req.Region), req.Procedure, adopts)
	sights, err := l.look(ctx, []waiting{{r, at, req.Region, gate}})
	if err == nil {
		err = wrongSetup(sights[0].setup)
	}
	if err != nil {
		return r.system, req, err
	}
	req.Asked, req.Seen = true, slices.Concat(req.Seen, sights[0].Set)
	req.Now, err = l.now()
	return sights[0].system.Without(l.fromFiles(req.Seen)), req, err
}

// look reads the clusters that regions want to know something of, all at once,
// and returns what was seen for each region. An error is that of ctx.
func (l *lookout) look(ctx context.Context, regions []waiting) ([]sight, error) {
	began, err := l.now()
	if err != nil {
		return nil, err
	}
	clusters := map[*topology.Region]*cluster{}
	for _, w := range regions {
		for _, want := range w.wants() {
			for _, name := range w.whom(want.Where) {
				l.plan(clusters, w.Region(name), want, w.ring)
			}
		}
	}
	if err := l.read(ctx, clusters); err != nil {
		return nil, err
	}
	sights := make([]sight, len(regions))
	for i, w := range regions {
		reading := &reading{waiting: w, lookout: l, clusters: clusters, taken: began.Truncate(time.Second), read: map[string]bool{}}
		sights[i].system = w.system.Without(reading.all())
		sights[i].Set, sights[i].setup = reading.set, reading.setup
	}
	return sights, nil
}

// wants lists what the checks of the gate want, each once.
func (w *waiting) wants() []system.Want {
	var wants []system.Want
	if w.gate == nil {
		return nil
	}
	for _, want := range slices.Concat(w.system.Live.Wants[w.gate.Name]...) {
		if !slices.Contains(wants, want) {
			wants = append(wants, want)
		}
	}
	return wants
}

// whom lists the regions whose clusters are meant, in the order of the topology.
func (w *waiting) whom(where system.Where) []string {
	var names []string
	for i := range w.Spec.Regions {
		name := w.Spec.Regions[i].Name
		phase := w.at.At(name).Phase
		switch {
		case where == system.OwnCluster && name == w.region,
			where == system.EveryCluster && phase.InRing(),
			where == system.AnotherCluster && phase == stage.Serving && name != w.region:
			names = append(names, name)
		}
	}
	return names
}

// plan adds what is wanted of a region to the query of its cluster.
func (l *lookout) plan(clusters map[*topology.Region]*cluster, region *topology.Region, want system.Want, r *ring) {
	c := clusters[region]
	if c == nil {
		c = &cluster{region: region}
		c.query.Context = cmp.Or(l.contexts[region.Name], region.Kubernetes.Context)
		if c.query.Context == "" {
			c.err = noContext(region.Name, l.config)
		}
		clusters[region] = c
	}
	if want.Run == "" {
		if kind := kindOf(want, r); !slices.Contains(c.query.Kinds, kind) {
			c.query.Kinds = append(c.query.Kinds, kind)
		}
		return
	}
	known := slices.ContainsFunc(c.query.Commands, func(k live.Command) bool { return k.Name == want.Run })
	if run := r.system.Live.Run(want.Run); l.flags.exec && !known && run != nil {
		c.query.Commands = append(c.query.Commands, live.Command{
			Name: run.Name, Namespace: r.Spec.Namespace, Pods: podsOf(run, region), Containers: run.Containers,
			Args: run.Args, Input: l.input, End: run.End,
		})
	}
}

func kindOf(want system.Want, r *ring) live.Kind {
	kind := live.Kind{APIVersion: want.APIVersion, Kind: want.Kind, Namespace: r.Spec.Namespace}
	if want.All {
		kind.Namespace = ""
	}
	return kind
}

// podsOf lists the pods of a region that can run a command.
func podsOf(run *system.Run, region *topology.Region) []string {
	var pods []string
	for i := range region.Cassandra.Replicas {
		pods = append(pods, fmt.Sprintf("%s%d", run.Pods, i))
	}
	return pods
}

// read asks every cluster. An error is that of ctx.
func (l *lookout) read(ctx context.Context, clusters map[*topology.Region]*cluster) error {
	var asked []*cluster
	var queries []live.Query
	for _, c := range slices.SortedFunc(maps.Values(clusters), func(a, b *cluster) int { return strings.Compare(a.region.Name, b.region.Name) }) {
		if c.err == nil {
			asked, queries = append(asked, c), append(queries, c.query)
		}
	}
	answers, err := l.config.Read(ctx, l.flags.timeout, queries)
	for i, answer := range answers {
		asked[i].answer = answer
	}
	return err
}

// fromFiles says what is missing where commands are not run: then what they
// print is given in a file.
func (l *lookout) fromFiles(seen observe.Set) func(system.Want) string {
	return func(want system.Want) string {
		if want.Run == "" || l.flags.exec || len(seen.Of(observe.Kind(want.Run))) > 0 {
			return ""
		}
		return fmt.Sprintf("no %s among the observations: give its output with -f, or let it be read with --exec", want.Run)
	}
}

// A reading turns the answers of clusters into what one region sees.
type reading struct {
	waiting
	*lookout
	clusters map[*topology.Region]*cluster
	taken    time.Time
	set      observe.Set
	// read holds what is in the set already.
	read map[string]bool
	// setup says what is wrong with how clusters are reached.
	setup []string
}

// all takes what was answered of all that is wanted, and returns why a want was
// not.
func (g *reading) all() func(system.Want) string {
	why := map[system.Want]string{}
	for _, want := range g.wants() {
		if want.Run == "" || g.flags.exec {
			why[want] = g.want(want)
		}
	}
	return func(want system.Want) string { return why[want] }
}

// want takes what was answered of one want. Every cluster has to answer, but if
// any of them will do the first that does. What is wrong with the set-up matters
// where no other answer can come.
func (g *reading) want(want system.Want) string {
	var reasons, setup []string
	names := g.whom(want.Where)
	for _, name := range names {
		err := g.from(g.clusters[g.Region(name)], want)
		if err != nil {
			reasons = append(reasons, fmt.Sprintf("region %s: %v", name, err))
		}
		if errors.Is(err, live.ErrSetup) {
			setup = append(setup, reasons[len(reasons)-1])
		}
		if want.Where == system.AnotherCluster && err == nil {
			return ""
		}
	}
	if len(names) == 0 {
		return "no region serves that could be asked"
	}
	if enough := want.Where == system.AnotherCluster && len(setup) < len(reasons); !want.Optional && !enough {
		g.setup = append(g.setup, setup...)
	}
	return strings.Join(reasons, "; ")
}

// from takes what one cluster answered.
func (g *reading) from(c *cluster, want system.Want) error {
	if c.err != nil {
		return c.err
	}
	what, text, err := g.answered(c, want)
	key := c.region.Name + "\x00" + want.APIVersion + "\x00" + what
	if err != nil || text == nil || g.read[key] {
		return err
	}
	set, problems := observe.Parse(c.region.Name, text)
	if len(problems) > 0 {
		return fmt.Errorf("what it says of %s cannot be read: %v", what, problems[0])
	}
	g.read[key] = true
	g.set = append(g.set, set.TakenAt(g.taken)...)
	return nil
}

// answered returns the name of what is wanted, and what a cluster said of it; nil,
// if there is nothing of it.
func (g *reading) answered(c *cluster, want system.Want) (what string, text []byte, err error) {
	if want.Run != "" {
		text, err = c.answer.Output(want.Run)
		return want.Run, text, err
	}
	objects, err := c.answer.List(kindOf(want, g.ring))
	if err == nil && len(objects) > 0 {
		text, err = listText(objects)
	}
	return want.Kind, text, err
}

// listText writes objects as `kubectl get -o json` does.
func listText(objects []map[string]any) ([]byte, error) {
	items := make([]any, len(objects))
	for i, object := range objects {
		object = maps.Clone(object)
		if metadata, ok := object["metadata"].(map[string]any); ok {
			metadata = maps.Clone(metadata)
			delete(metadata, "managedFields")
			object["metadata"] = metadata
		}
		items[i] = object
	}
	text, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""}, "items": items}, "", "    ")
	return append(text, '\n'), err
}
