package apigee

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/topology"
)

// owned are the properties that ringplan sets from the topology, and must set
// alone: values that changed them could split the ring. Each maps to what to
// use instead.
var owned = map[string]string{
	"org":                                "organization.name",
	"instanceID":                         "instanceID",
	"namespace":                          "namespace",
	"gcp.projectID":                      "organization.project",
	"gcp.region":                         "organization.analyticsRegion",
	"gcp.workloadIdentity":               "serviceAccounts.workloadIdentity",
	"gcp.federatedWorkloadIdentity":      "serviceAccounts.federated",
	"k8sCluster":                         "regions[].kubernetes",
	"nodeSelector.apigeeData":            "cassandra.nodeSelector",
	"nodeSelector.apigeeRuntime":         "regions[].runtime.nodeSelector",
	"cassandra.clusterName":              "cassandra.clusterName",
	"cassandra.datacenter":               "regions[].datacenter",
	"cassandra.rack":                     "regions[].rack",
	"cassandra.replicaCount":             "cassandra.replicas",
	"cassandra.hostNetwork":              "regions[].network.hostNetwork",
	"cassandra.multiRegionSeedHost":      "regions[].seedHost",
	"cassandra.externalSeedHost":         "regions[].seedHost",
	"cassandra.storage":                  "cassandra.storage",
	"cassandra.auth.secret":              "cassandra.auth.secret",
	"cassandra.auth.secretProviderClass": "cassandra.auth.secretProviderClass",
	"cassandra.tolerations":              "cassandra.tolerations",
	"envs":                               "environments[].values",
	"virtualhosts":                       "environmentGroups[].values",
	"ingressGateways":                    "ingressGateways[].values",
	"envs[].name":                        "environments[].name",
	"virtualhosts[].name":                "environmentGroups[].name",
	"virtualhosts[].sslSecret":           "environmentGroups[].tls.secret",
	"ingressGateways[].name":             "ingressGateways[].name",
}

// sameEverywhere matches the properties that must not differ by region:
// because the data that they encrypt or guard is replicated, because they
// choose the control plane, or because versions would be mixed.
var sameEverywhere = regexp.MustCompile(`^(k[mv][sm]Encryption|contractEncryption|cacheEncryption|encryptionKeySecret|axHashSalt|cassandra\.auth\.(admin|ddl|default|dml|jmx|jolokia)\b|defaults\.[a-z]|enhanceProxyLimits$|contractProvider$)|\.image\.tag$`)

// inlineSecret matches properties whose value is a secret itself.
var inlineSecret = regexp.MustCompile(`(\.password|EncryptionKey|axHashSalt)$`)

var pathProperty = regexp.MustCompile(`(Path|Paths\.[a-zA-Z]+|\.keyFile|\.keyfile)$`)

func (g *ring) valueRules() []lint.Rule {
	return []lint.Rule{
		{
			Code: "RP050", Name: "value-owned", Severity: diag.Error,
			Summary: "A property under values is one that the topology sets.",
			Why:     "Two places would say different things; for the seed host, the cluster's name or the datacenter that can split the ring or keep a seed for ever.",
			Fix:     "Use the field of the topology that the finding names.",
			Source:  "ringplan; [MR] for what must be the same in all regions",
			Always:  true,
			Check:   g.checkOwned,
		}, {
			Code: "RP051", Name: "value-must-agree", Severity: diag.Error,
			Summary: "A property that must be the same in every region is set for one.",
			Why:     "Data is replicated as it was encrypted, and so are the database's users: a region with another key or password cannot read it. And a ring must not run on mixed versions.",
			Fix:     "Move it to spec.values, which holds for every region.",
			Source:  "[KEYS] changing a key makes data unreadable",
			Check:   g.checkSameEverywhere,
		}, {
			Code: "RP083", Name: "path-property", Severity: diag.Error,
			Summary: "A property names a file inside the chart.",
			Why:     "Charts from an OCI repository hold none of your files, so nothing is found there.",
			Fix:     "Use the property's Secret twin: serviceAccountRef, sslSecret, keyFileRef, …EncryptionSecret.",
			Source:  "[C15] files are read from the chart itself",
			Check:   g.checkPaths,
		}, {
			Code: "RP085", Name: "forced-seed-host", Severity: diag.Error,
			Summary: "forceUpdateMultiRegionSeedHost is set.",
			Why:     "It turns off the check that keeps a seed host from being changed while it is needed. No chart renders it, so it is also without effect here.",
			Fix:     "Remove it; the seed host goes in a stage of its own, once the rebuild has completed.",
			Source:  "[KZ] release.forceUpdateMultiRegionSeedHost",
			Check:   g.checkForcedSeed,
		}, {
			Code: "RP087", Name: "inline-secret", Severity: diag.Error,
			Summary: "A password, salt or encryption key stands under values.",
			Why:     "It would be committed to Git, in the topology and in the overrides of every region.",
			Fix:     "Use the property that names a Secret instead: cassandra.auth.secret, …EncryptionSecret, axHashSaltSecret. Replace what was written down.",
			Source:  "ringplan: no secret value reaches rendered files; [CFG]",
			Always:  true,
			Check:   g.checkInlineSecrets,
		}, {
			Code: "RP088", Name: "force-delete", Severity: diag.Error,
			Summary: "cassandra.forceDelete is on.",
			Why:     "Deleting the datastore then deletes its volumes too, and leaves the datacenter's nodes in the ring, to be removed by hand in every other region.",
			Fix:     "Remove it. A datacenter leaves the ring by being decommissioned.",
			Source:  "[KUST]",
			Check:   g.checkForceDelete,
		}, {
			Code: "RP102", Name: "ignored-property", Severity: diag.Warning,
			Summary: "A property under values is one that the charts of this version do not read.",
			Why:     "It is documented or was once read, but has no effect.",
			Fix:     "Remove it, or use what the finding says is read instead.",
			Source:  "[C15]; [C16]",
			Check:   g.checkIgnored,
		}, {
			Code: "RP103", Name: "deprecated-property", Severity: diag.Warning,
			Summary: "A property under values is deprecated.",
			Why:     "It will go in a later version.",
			Fix:     "Use what the finding names.",
			Source:  "[CFG]",
			Check:   g.checkDeprecated,
		},
	}
}

// eachValue visits everything that the user sets under values, with its path
// in the topology and the property it sets, [] for list items.
func (g *ring) eachValue(visit func(path, property string, value any)) {
	site := func(values topology.Values, at, prefix string) {
		at += ".values"
		values.Walk(at, func(path string, value any) {
			if path != at {
				visit(path, propertyOf(prefix, strings.TrimPrefix(path, at+".")), value)
			}
		})
	}
	site(g.Spec.Values, "spec", "")
	for i := range g.Spec.Regions {
		site(g.Spec.Regions[i].Values, g.Spec.Regions[i].Path(""), "")
	}
	for i, e := range g.Environments {
		site(e.Values, fmt.Sprintf("spec.environments[%d]", i), "envs[].")
	}
	for i, group := range g.EnvironmentGroups {
		site(group.Values, fmt.Sprintf("spec.environmentGroups[%d]", i), "virtualhosts[].")
	}
	for i, gateway := range g.IngressGateways {
		site(gateway.Values, fmt.Sprintf("spec.ingressGateways[%d]", i), "ingressGateways[].")
	}
}

var listIndex = regexp.MustCompile(`\[[0-9]+\]`)

func propertyOf(prefix, path string) string {
	return prefix + strings.ReplaceAll(listIndex.ReplaceAllString(path, "[]"), `"`, "")
}

func (g *ring) checkOwned(p *lint.Pass) {
	g.eachTopmost(func(path, property string, value any) bool {
		instead, ok := ownerOf(property, value)
		if ok {
			p.Report(path, "use spec."+instead, "%s is set by the topology", property)
		}
		return ok
	})
}

// ownerOf returns the field of the topology that sets a property, or part of
// it. A map that holds properties of both sides is nobody's; but a null or a
// list in its place would take away what the topology sets.
func ownerOf(property string, value any) (instead string, ok bool) {
	for at := property; at != ""; at = above(at) {
		if instead, ok := owned[at]; ok && (at == property || property[len(at)] == '.') {
			return instead, true
		}
	}
	if isMap(value) {
		return "", false
	}
	for _, key := range slices.Sorted(maps.Keys(owned)) {
		if strings.HasPrefix(key, property+".") {
			return owned[key], true
		}
	}
	return "", false
}

func isMap(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// eachTopmost visits like eachValue, but nothing below what visit accepts.
func (g *ring) eachTopmost(visit func(path, property string, value any) bool) {
	accepted := "\x00"
	g.eachValue(func(path, property string, value any) {
		if strings.HasPrefix(path, accepted+".") || strings.HasPrefix(path, accepted+"[") {
			return
		}
		if visit(path, property, value) {
			accepted = path
		}
	})
}

func (g *ring) checkSameEverywhere(p *lint.Pass) {
	if !g.MultiRegion() {
		return
	}
	g.eachTopmost(func(path, property string, _ any) bool {
		if !strings.HasPrefix(path, "spec.regions[") || !sameEverywhere.MatchString(property) {
			return false
		}
		p.Report(path, "move it to spec.values", "%s must be the same in every region", property)
		return true
	})
}

func (g *ring) checkPaths(p *lint.Pass) {
	severity := diag.Error
	if g.Spec.Charts.Path != "" {
		severity = diag.Warning // the folder of charts may hold the file
	}
	g.eachValue(func(path, property string, value any) {
		known, _ := lookupProperty(property) // others, such as a container's mountPath, are no concern of the charts
		if _, isText := value.(string); isText && known.path == property && pathProperty.MatchString(property) {
			p.ReportAs(severity, path, secretTwin(property), "%s names a file inside the chart", property)
		}
	})
}

// secretTwin says what to use instead of a property that names a file.
func secretTwin(property string) string {
	switch {
	case strings.HasSuffix(property, "serviceAccountPath"), strings.Contains(property, "serviceAccountPaths."):
		return "use spec.serviceAccounts.secrets"
	case strings.HasPrefix(property, "virtualhosts[]."):
		return "use spec.environmentGroups[].tls.secret"
	case strings.HasSuffix(strings.ToLower(property), ".keyfile"):
		return "use spec.cassandra.backup.remote.secret"
	case strings.HasSuffix(property, "EncryptionPath"):
		return "use " + strings.TrimSuffix(property, "Path") + "Secret"
	}
	return "use the property that names a Secret"
}

func (g *ring) checkForcedSeed(p *lint.Pass) {
	g.eachValue(func(path, property string, _ any) {
		if strings.HasSuffix(property, "forceUpdateMultiRegionSeedHost") {
			p.Report(path, "remove it", "forceUpdateMultiRegionSeedHost turns off the check of the seed host")
		}
	})
}

func (g *ring) checkInlineSecrets(p *lint.Pass) {
	g.eachValue(func(path, property string, value any) {
		if text, ok := value.(string); ok && text != "" && inlineSecret.MatchString(property) {
			p.Report(path, "name a Secret instead, and replace what was written down", "%s holds a secret in plain text", property)
		}
	})
}

func (g *ring) checkIgnored(p *lint.Pass) {
	g.eachTopmost(func(path, property string, value any) bool {
		known, ok := lookupProperty(property)
		if !ok || isMap(value) || !slices.Contains(known.unread, g.line.String()) {
			return false
		}
		p.Report(path, known.note, "the charts of %s do not read %s", g.line, property)
		return true
	})
}

func (g *ring) checkDeprecated(p *lint.Pass) {
	g.eachValue(func(path, property string, value any) {
		known, ok := lookupProperty(property)
		_, byTopology := ownerOf(property, value)
		switch {
		case !ok || known.path != property || byTopology || slices.Contains(known.unread, g.line.String()):
		case known.removed != "":
			p.Report(path, "remove it", "%s was removed in %s", property, known.removed)
		case known.deprecated != "":
			p.Report(path, "use "+strings.Join(inTopology(known.use), " or "), "%s is deprecated since %s", property, known.deprecated)
		}
	})
}

// inTopology replaces properties that the topology sets by its fields.
func inTopology(properties []string) []string {
	out := slices.Clone(properties)
	for i, property := range out {
		if instead, ok := ownerOf(property, ""); ok {
			out[i] = "spec." + instead
		}
	}
	return out
}

func (g *ring) checkForceDelete(p *lint.Pass) {
	g.eachValue(func(path, property string, value any) {
		if property == "cassandra.forceDelete" && value == true {
			p.Report(path, "", "forceDelete deletes the volumes of the datacenter")
		}
	})
}
