package operator

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// replicate starts a rebuild for a replication that is new, and returns the status
// of every replication.
func (m *Machine) replicate(replications []unstructured.Unstructured) []Answer {
	found := false
	answers := make([]Answer, 0, len(replications))
	for i := range replications {
		object := &replications[i]
		if string(object.GetUID()) == m.rebuild.of {
			found = true
		} else if m.rebuild.of == "" && m.joined {
			m.start(object)
			found = true
		}
		answers = append(answers, Answer{Object: object, Finalizers: object.GetFinalizers(), Status: m.progress(object)})
	}
	if !found && m.rebuild.of != "" {
		m.say(false, "replication deleted")
		m.rebuild.of = ""
	}
	return answers
}

// start begins a rebuild. One that follows a complete one and does not force it
// changes nothing.
func (m *Machine) start(object *unstructured.Unstructured) {
	source, _, _ := unstructured.NestedString(object.Object, "spec", "source", "region")
	force, _, _ := unstructured.NestedBool(object.Object, "spec", "force")
	done := m.rebuild.state == complete && !force
	m.rebuild.of = string(object.GetUID())
	m.say(m.seed == "" && !done, "replication created from %s, seed host %q", source, m.seed)
	if done {
		return
	}
	m.rebuild.source, m.rebuild.from, m.rebuild.state, m.rebuild.failed = source, m.now.Add(m.options.RebuildDelay), running, ""
	m.rebuild.before = m.rebuild.said
	if source == m.datacenter || !m.ring.has(source) {
		m.rebuild.failed = fmt.Sprintf("failed to rebuild from %s: unable to find sufficient sources for streaming", source)
	}
}

// progress is the status of a replication.
func (m *Machine) progress(object *unstructured.Unstructured) map[string]any {
	if string(object.GetUID()) != m.rebuild.of {
		return nil
	}
	status := map[string]any{"state": m.rebuild.state, "lastAppliedGeneration": object.GetGeneration()}
	if m.rebuild.state == failed {
		status["message"] = "the rebuild of a pod failed"
	}
	return status
}

// replicationStatus is what the datastore's status says of its rebuild. Until a
// first pod is rebuilt it says what it said before.
func (m *Machine) replicationStatus(replicas int) map[string]any {
	switch {
	case m.rebuild.state == none || m.now.Before(m.rebuild.from):
		return m.earlier(replicas)
	case m.rebuild.state != running:
		return m.rebuild.said
	}
	details, ended, bad := map[string]any{}, 0, false
	updated := m.rebuild.from
	for i := range replicas {
		detail, done := m.pod(i, i == replicas-1)
		if detail == nil {
			break
		}
		details[podName(i)] = detail
		if done.After(updated) {
			updated = done
		}
		switch detail["state"] {
		case complete:
			ended++
		case failed:
			bad = true
		}
	}
	m.settle(ended == replicas, bad)
	m.rebuild.said = map[string]any{"state": m.rebuild.state, "updated": updated.Unix(), "rebuildDetails": details}
	return m.rebuild.said
}

// pod is where the rebuild of one pod stands, and since when; they are rebuilt one
// after the other. It is nil before its turn.
func (m *Machine) pod(ordinal int, last bool) (map[string]any, time.Time) {
	begin := m.rebuild.from.Add(time.Duration(ordinal) * m.options.PodTime)
	end := begin.Add(m.options.PodTime)
	detail := func(state, message string, at time.Time) (map[string]any, time.Time) {
		return map[string]any{"state": state, "message": message, "updated": at.Unix()}, at
	}
	switch {
	case m.now.Before(begin):
		return nil, begin
	case m.rebuild.failed != "":
		return detail(failed, m.rebuild.failed, begin)
	case m.now.Before(end):
		return detail(running, "", begin)
	case last && m.Fate.Cut.Load():
		return detail(failed, fmt.Sprintf("failed to rebuild from %s: the stream was cut", m.rebuild.source), end)
	default:
		return detail(complete, "", end)
	}
}

// settle logs the end of a rebuild.
func (m *Machine) settle(all, bad bool) {
	state := m.rebuild.state
	switch {
	case bad:
		state = failed
	case all:
		state = complete
	}
	if state == m.rebuild.state {
		return
	}
	m.rebuild.state = state
	if state == complete {
		m.ring.fill(m.datacenter)
	}
	m.say(false, "rebuild ended: %s", state)
}

// earlier is what an earlier rebuild left: one that was seen, or one of the day
// before, if that is to be there.
func (m *Machine) earlier(replicas int) map[string]any {
	if m.rebuild.before != nil || !m.options.Stale {
		return m.rebuild.before
	}
	const ago = 24 * 60 * 60
	updated := m.created.Unix() - ago
	details := map[string]any{}
	for i := range replicas {
		details[podName(i)] = map[string]any{"state": complete, "message": "", "updated": updated}
	}
	return map[string]any{"state": complete, "updated": updated, "rebuildDetails": details}
}

func podName(ordinal int) string { return fmt.Sprintf("apigee-cassandra-default-%d", ordinal) }
