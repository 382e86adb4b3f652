package apigee

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ringplan/ringplan/pkg/topology"
)

// lists are the lists of the overrides file that the topology has as lists of
// its own, in the same order.
var lists = map[string]string{
	"envs":            "environments",
	"virtualhosts":    "environmentGroups",
	"ingressGateways": "ingressGateways",
}

var listItem = regexp.MustCompile(`^([A-Za-z]+)\[(\d+|\*)\]\.?(.*)$`)

// Field implements [system.Ring].
func (g *ring) Field(region, value string) string {
	r := g.Region(region)
	if r == nil || value == "" {
		return "spec"
	}
	if m := listItem.FindStringSubmatch(value); m != nil && lists[m[1]] != "" {
		return g.itemField(lists[m[1]], m[1], m[2], m[3])
	}
	if says(r.Values, value) {
		return r.Path("values." + value)
	}
	if says(g.Spec.Values, value) {
		return "spec.values." + value
	}
	if list := lists[value]; list != "" {
		return "spec." + list
	}
	if owner := ownerField(value); owner != "" {
		if g.ServiceAccounts.Federated != nil { // which sets both
			owner = strings.Replace(owner, "serviceAccounts.workloadIdentity", "serviceAccounts.federated", 1)
		}
		return g.inRegion(r, owner)
	}
	return "spec.values." + value
}

// itemField returns the field of an entry of a list that sets a property of it.
func (g *ring) itemField(list, key, index, property string) string {
	at := fmt.Sprintf("spec.%s[%s]", list, index)
	if n, err := strconv.Atoi(index); err == nil && says(g.valuesOf(list, n), property) {
		return at + ".values." + property
	}
	if instead, ok := owned[key+"[]."+property]; ok {
		_, field, _ := strings.Cut(instead, "[].")
		return at + "." + field
	}
	return at
}

// valuesOf returns the values of an entry of a list.
func (g *ring) valuesOf(list string, n int) topology.Values {
	switch {
	case list == "environments" && n < len(g.Environments):
		return g.Environments[n].Values
	case list == "environmentGroups" && n < len(g.EnvironmentGroups):
		return g.EnvironmentGroups[n].Values
	case list == "ingressGateways" && n < len(g.IngressGateways):
		return g.IngressGateways[n].Values
	}
	return nil
}

// says reports whether values have something at a path.
func says(values topology.Values, path string) bool {
	found := false
	values.Walk("", func(at string, _ any) { found = found || at == path })
	return found
}

// componentKey matches the accounts of components.
var componentKey = regexp.MustCompile(`^(mart|connectAgent|watcher|metrics|logger|guardrails|udca|mintTaskScheduler)\.(serviceAccountRef|serviceAccountPath|gsa)$|^serviceAccountSecretProviderClass$|\.serviceAccount(Secret)?(Refs|Paths|ProviderClass)`)

// ownerField returns the field of the topology that sets a property, as the
// table of owned properties names it; "" if none does.
func ownerField(property string) string {
	property = propertyOf("", property)
	switch property {
	case "cassandra.storage.storageSize", "cassandra.storage.capacity":
		return "cassandra.storage.size"
	case "cassandra.storage.storageclass", "cassandra.storage.storageClass":
		return "cassandra.storage.class"
	}
	for at := property; at != ""; at = above(at) {
		if field, ok := owned[at]; ok {
			return field
		}
	}
	switch {
	case componentKey.MatchString(property):
		return "serviceAccounts"
	case strings.HasPrefix(property, "cassandra.backup"):
		return "cassandra.backup"
	case strings.HasPrefix(property, "cassandra.auth"):
		return "cassandra.auth"
	case strings.HasPrefix(property, "cassandra.resources"):
		return "cassandra.resources"
	}
	for _, key := range slices.Sorted(maps.Keys(owned)) {
		if strings.HasPrefix(key, property+".") {
			return owned[key]
		}
	}
	return ""
}

// inRegion makes a field of the table one of the topology: of the region, where
// that may say it.
func (g *ring) inRegion(r *topology.Region, field string) string {
	if rest, ok := strings.CutPrefix(field, "regions[]."); ok {
		return r.Path(rest)
	}
	for _, own := range []string{"cassandra.nodeSelector", "cassandra.replicas", "cassandra.storage", "cassandra.resources", "cassandra.tolerations"} {
		if field == own || strings.HasPrefix(field, own+".") {
			return r.Path(field)
		}
	}
	return "spec." + field
}
