// Package live reads what runs in clusters: the records of Helm releases, and
// objects of any kind. It only ever gets and lists, and keeps of a record what
// was asked for, so that nothing else of a Secret is in memory for long.
//
// No error of this package holds anything of a Secret, a credential or the body
// of an answer: what went wrong is said in words of its own.
package live

import (
	"context"
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
}

// A ReleaseName tells a Helm release from the others of a cluster.
type ReleaseName struct{ Namespace, Name string }

// A Kind is a kind of objects in a namespace, such as
// apigee.cloud.google.com/v1alpha1, ApigeeDatastore, apigee.
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
	// Errs holds an error that [errors.Is] ErrNoKind for each of Query.Objects
	// whose kind the cluster does not know; those are not there either.
	Errs []error
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
	var steps []func() error
	for _, list := range byNamespace(q.Releases) {
		steps = append(steps, func() error { return c.readReleases(ctx, list, a) })
	}
	for _, o := range q.Objects {
		steps = append(steps, func() error { return c.readObject(ctx, o, a) })
	}
	for _, kind := range q.Kinds {
		steps = append(steps, func() error { return c.readKind(ctx, kind, a) })
	}
	for _, step := range steps {
		err := step()
		if isOfCluster(err) {
			return err
		}
		if err != nil {
			a.Errs = append(a.Errs, err)
		}
	}
	return nil
}
