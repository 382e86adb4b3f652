// Package live reads what runs in clusters: the records of Helm releases,
// objects of any kind, and what a command prints that is run in a pod. It only
// ever gets and lists, but for such a command, and keeps of a record what was
// asked for, so that nothing else of a Secret is in memory for long.
//
// No error of this package holds anything of a Secret, a credential or the body
// of an answer: what went wrong is said in words of its own.
package live

import (
	"context"
	"fmt"
	"time"
)

// A Query is what to read in one cluster.
type Query struct {
	// Context names the cluster, as the kubeconfig does.
	Context  string
	Releases []ReleaseName
	Objects  []ObjectName
	// Kinds are read whole: every object in their namespace.
	Kinds []Kind
	// Commands are run in a pod.
	Commands []Command
}

// A ReleaseName tells a Helm release from the others of a cluster.
type ReleaseName struct{ Namespace, Name string }

// A Kind is a kind of objects in a namespace, such as
// apigee.cloud.google.com/v1alpha1, ApigeeDatastore, apigee. Without a namespace
// it is those of all namespaces.
type Kind struct{ APIVersion, Kind, Namespace string }

// An ObjectName is one object of a kind.
type ObjectName struct {
	Kind
	Name string
}

// An Answer is what a cluster said to a query. What could not be read is not in
// the maps, and an error says why.
type Answer struct {
	// Releases holds nil for a release that is not there.
	Releases map[ReleaseName]*Release
	// Objects holds nil for an object that is not there. Whole numbers are
	// int64.
	Objects map[ObjectName]map[string]any
	// Kinds holds the objects of a kind, ordered by name; none, if the cluster
	// does not know the kind.
	Kinds map[Kind][]map[string]any
	// Outputs holds what commands printed, by their names.
	Outputs map[string][]byte
	// Errs holds an error that [errors.Is] ErrNoKind for each of Query.Objects
	// whose kind the cluster does not know; those are not there either.
	Errs []error

	// unread says why a Kind, or the Command of a name, is not in the maps, or is
	// one that the cluster does not know.
	unread map[any]error
}

// List returns the objects of a kind, or why they are not known. That a cluster
// does not know the kind is an error here: who wants to know what is not there
// must not take it for an empty list.
func (a Answer) List(kind Kind) ([]map[string]any, error) {
	objects, known := a.Kinds[kind]
	return objects, a.whyNot(kind, known, kind.Kind)
}

// Output returns what a command printed, or why that is not known.
func (a Answer) Output(name string) ([]byte, error) {
	text, known := a.Outputs[name]
	return text, a.whyNot(name, known, name)
}

// whyNot returns the error of a part of a query; nil, if it was read.
func (a Answer) whyNot(part any, known bool, words string) error {
	switch err := a.unread[part]; {
	case err != nil:
		return err
	case known:
		return nil
	case len(a.Errs) > 0: // the last one is that of the whole cluster
		return a.Errs[len(a.Errs)-1]
	}
	return fmt.Errorf("%s was not asked for", words)
}

const (
	// atOnce is how many clusters are read at a time.
	atOnce = 16
	// grace is for how long what was read before the time was up is waited for.
	grace = 500 * time.Millisecond
)

// Read asks clusters, several at a time, and returns an answer to each query,
// in their order. Each has the timeout for itself; a cluster that does not
// answer leaves the answers of the others whole. If ctx ends, Read returns its
// error at once, and nothing else.
func (k *Kubeconfig) Read(ctx context.Context, timeout time.Duration, queries []Query) ([]Answer, error) {
	type numbered struct {
		Answer
		i int
	}
	turns := make(chan struct{}, atOnce)
	done := make(chan numbered, len(queries))
	for i, q := range queries {
		go func() {
			select {
			case turns <- struct{}{}:
				done <- numbered{k.ask(ctx, timeout, q), i}
				<-turns
			case <-ctx.Done():
			}
		}()
	}
	answers := make([]Answer, len(queries))
	for range queries {
		select {
		case a := <-done:
			answers[a.i] = a.Answer
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return answers, ctx.Err()
}

// ask reads one cluster, and gives up when the time is up: a plugin that gets
// credentials knows nothing of that.
func (k *Kubeconfig) ask(ctx context.Context, timeout time.Duration, q Query) Answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan Answer, 1)
	go func() { done <- k.read(ctx, q) }()
	select {
	case a := <-done:
		return a
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		return a
	case <-time.After(grace):
		return Answer{Errs: []error{tooLate(k.place(q.Context), ctx.Err())}}
	}
}

// read reads one cluster.
func (k *Kubeconfig) read(ctx context.Context, q Query) Answer {
	a := Answer{
		Releases: map[ReleaseName]*Release{},
		Objects:  map[ObjectName]map[string]any{},
		Kinds:    map[Kind][]map[string]any{},
		Outputs:  map[string][]byte{},
		unread:   map[any]error{},
	}
	c, err := k.connect(q.Context)
	if err == nil {
		err = c.readAll(ctx, q, &a)
	}
	if err != nil {
		a.Errs = append(a.Errs, err)
	}
	return a
}

// readAll reads what a query asks for. It stops at an error that everything
// else would meet too, and returns that; others go into the answer.
func (c *cluster) readAll(ctx context.Context, q Query, a *Answer) error {
	type step struct {
		part any
		read func() error
	}
	var steps []step
	for _, list := range byNamespace(q.Releases) {
		steps = append(steps, step{nil, func() error { return c.readReleases(ctx, list, a) }})
	}
	for _, o := range q.Objects {
		steps = append(steps, step{o, func() error { return c.readObject(ctx, o, a) }})
	}
	for _, kind := range q.Kinds {
		steps = append(steps, step{kind, func() error { return c.readKind(ctx, kind, a) }})
	}
	for _, command := range q.Commands {
		steps = append(steps, step{command.Name, func() error { return c.run(ctx, command, a) }})
	}
	for _, s := range steps {
		err := s.read()
		if isOfCluster(err) {
			return err
		}
		if err != nil {
			a.Errs, a.unread[s.part] = append(a.Errs, err), err
		}
	}
	return nil
}
