package apigee

import (
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// kinds are the custom resources that the release of each chart makes [C15].
var kinds = map[string][]string{
	"apigee-datastore":   {"ApigeeDatastore"},
	"apigee-telemetry":   {"ApigeeTelemetry"},
	"apigee-redis":       {"ApigeeRedis"},
	"apigee-org":         {"ApigeeOrganization"},
	"apigee-env":         {"ApigeeEnvironment"},
	"apigee-virtualhost": {"ApigeeRouteConfig"},
}

// Delivery implements [system.Ring].
func (g *ring) Delivery(at stage.Progress) (system.Delivery, bool) {
	r := g.Region(at.Region)
	if r == nil || !at.Phase.InRing() || at.Phase == purging {
		return system.Delivery{}, false
	}
	d := system.Delivery{
		At: at, Overrides: overridesName,
		Definitions: system.Definitions{Chart: "apigee-operator", Folder: "etc/crds/default", Namespace: kustomizeNamespace},
		Namespaces:  []string{g.Spec.Namespace, certManagerNamespace},
	}
	stay, _ := g.releasesAt(at.Phase)
	for _, rel := range stay {
		d.Releases = append(d.Releases, system.Release{
			Name: rel.name, Chart: rel.chart, Set: rel.set, After: after(rel, stay), Health: healthOf(rel.chart),
			Blind: blind(rel.chart, at), Holds: holds(rel.chart),
		})
	}
	if slices.ContainsFunc(stay, func(rel release) bool { return rel.name == g.Organization.Name }) {
		d.OwnAfter = []string{g.Organization.Name} // which the replication refers to
	}
	if at.Phase == rebuilding {
		d.Own = []system.Health{g.rebuildHealth(r, at), replicationHealth(replicationObject(r))}
	}
	return d, true
}

// certManagerNamespace holds the certificate authority of the ring [C15].
const certManagerNamespace = "cert-manager"

// holds lists the objects of a chart that hold data.
func holds(chart string) []string {
	if chart == live.Chart {
		return []string{"apigeedatastore/" + live.Name}
	}
	return nil
}

// blind returns what the chart of the datastore finds out in the cluster, where it
// can: whether its guardrails are to check an installation or a change. Without a
// cluster to ask they take everything for an installation [C15].
func blind(chart string, at stage.Progress) *manifest.Map {
	if chart != live.Chart {
		return nil
	}
	if needsSeed(at) || slices.Contains([]stage.Phase{installing, returning}, at.Phase) {
		return manifest.NewMap("checkpoint", "install")
	}
	return manifest.NewMap("checkpoint", "config-change")
}

// after returns the releases that one waits for, of those that are there.
func after(rel release, there []release) []string {
	var names []string
	for _, w := range rel.waits {
		if slices.ContainsFunc(there, func(r release) bool { return r.name == w.step }) {
			names = append(names, w.step)
		}
	}
	return names
}

// healthOf returns the health of the custom resources of a chart.
func healthOf(chart string) []system.Health {
	var list []system.Health
	for _, kind := range kinds[chart] {
		list = append(list, stateHealth(kind, stateRunning))
	}
	return list
}

// apiVersionOf returns the version in which a kind is rendered [C15].
func apiVersionOf(kind string) string {
	if slices.Contains([]string{"ApigeeOrganization", "ApigeeEnvironment", "ApigeeTelemetry"}, kind) {
		return apigeeV2
	}
	return apigeeV1
}

// kindNames lists the kinds that engines see, in order.
func kindNames() []string {
	var names []string
	for _, list := range kinds {
		names = append(names, list...)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
