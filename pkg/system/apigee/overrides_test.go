package apigee

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// A want maps dotted paths of the overrides to their values in JSON; empty
// means that there is none.
type want map[string]string

func checkOverrides(t *testing.T, g *ring, region string, want want) {
	t.Helper()
	o := g.overrides(g.Region(region), stage.Progress{Phase: stage.Serving})
	for path, value := range want {
		got := at(t, o, path)
		if value == "" {
			if got != nil {
				t.Errorf("%s is %v, want none", path, got)
			}
		} else if text := text(t, got); text != value {
			t.Errorf("%s is %s, want %s", path, text, value)
		}
	}
}

func TestOverridesOfTheTopology(t *testing.T) {
	tests := map[string]struct {
		patch, region string
		want          want
	}{
		"names": {`{}`, "west", want{
			"instanceID": `"acme1"`, "namespace": `"apigee"`, "org": `"acme-prod"`, "gcp": `{"projectID":"acme-gcp","region":"us-central1"}`,
			"k8sCluster": `{"name":"c-west","region":"us-west1"}`, "cassandra.clusterName": `"apigeecluster"`, "cassandra.datacenter": `"dc-2"`, "cassandra.rack": `"ra-1"`,
			"cassandra.replicaCount": `3`, "cassandra.hostNetwork": `false`, "cassandra.auth": `{"secret":"cassandra-users"}`,
			"cassandra.resources": "", "cassandra.tolerations": "", "ingressGateways": `[{"name":"gateway"}]`,
		}},
		"platform": {`{}`, "west", want{
			"nodeSelector":      `{"apigeeData":{"key":"pool","value":"data"},"apigeeRuntime":{"key":"pool","value":"run"},"requiredForScheduling":true}`,
			"cassandra.storage": `{"storageSize":"10Gi","storageclass":"standard-rwo"}`,
		}},
		"a platform without a class": {`spec: {regions: {1: {platform: openshift}}}`, "west", want{
			"cassandra.storage": `{"storageSize":"10Gi"}`, "cassandra.hostNetwork": `true`,
		}},
		"an island elsewhere": {`spec: {regions: {1: {platform: openshift}}}`, "east", want{"cassandra.hostNetwork": `true`}},
		"of one region": {
			`spec: {regions: {1: {rack: ra-7, cassandra: {replicas: 6, storage: {size: 1Ti, class: fast}, nodeSelector: {key: k, value: v},
			  resources: {requests: {cpu: 7, memory: 15Gi}}, tolerations: [{key: k, operator: Exists, tolerationSeconds: 0}]}}}}`, "west", want{
				"cassandra.rack": `"ra-7"`, "cassandra.replicaCount": `6`, "cassandra.storage": `{"storageSize":"1Ti","storageclass":"fast"}`,
				"nodeSelector.apigeeData": `{"key":"k","value":"v"}`, "cassandra.resources": `{"requests":{"cpu":7,"memory":"15Gi"}}`,
				"cassandra.tolerations": `[{"key":"k","operator":"Exists","tolerationSeconds":0}]`,
			},
		},
		"and not of the other": {`spec: {regions: {1: {rack: ra-7, cassandra: {replicas: 6}}}}`, "east", want{"cassandra.rack": `"ra-1"`, "cassandra.replicaCount": `3`}},
		"auth by a driver":     {`spec: {cassandra: {auth: {secret: null, secretProviderClass: c}}}`, "east", want{"cassandra.auth": `{"secretProviderClass":"c"}`}},
		"no auth":              {`spec: {cassandra: {auth: null}}`, "east", want{"cassandra.auth": ""}},
		"groups": {
			`spec: {ingressGateways: [{name: one}, {name: two, values: {replicaCountMin: 3}}],
			  environmentGroups: [{name: a, tls: {secret: sa}}, {name: b, tls: {secret: sb}, gateway: two, values: {minTLSProtocolVersion: "1.2"}}]}`, "east", want{
				"virtualhosts.0":    `{"name":"a","selector":{"app":"apigee-ingressgateway","ingress_name":"one"},"sslSecret":"sa"}`,
				"virtualhosts.1":    `{"minTLSProtocolVersion":"1.2","name":"b","selector":{"app":"apigee-ingressgateway","ingress_name":"two"},"sslSecret":"sb"}`,
				"ingressGateways.1": `{"name":"two","replicaCountMin":3}`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkOverrides(t, ringOf(t, tt.patch), tt.region, tt.want) })
	}
}

func TestBackup(t *testing.T) {
	const none = `spec: {cassandra: {backup: {gcs: null`
	tests := map[string]struct{ patch, want string }{
		"none":                     {none + `}}}`, ""},
		"gcs":                      {`{}`, `{"cloudProvider":"GCP","dbStorageBucket":"backups","enabled":true,"serviceAccountRef":"apigee-cassandra-svc-account"}`},
		"gcs, schedule and secret": {`spec: {cassandra: {backup: {gcs: {schedule: 0 2 * * *, secret: s}}}}`, `{"cloudProvider":"GCP","dbStorageBucket":"backups","enabled":true,"schedule":"0 2 * * *","serviceAccountRef":"s"}`},
		"gcs, the ring's secret":   {`spec: {serviceAccounts: {secrets: {cassandra: s}}}`, `{"cloudProvider":"GCP","dbStorageBucket":"backups","enabled":true,"serviceAccountRef":"s"}`},
		"gcs, workload identity":   {`spec: {serviceAccounts: {workloadIdentity: {gsa: g@p, components: {cassandra: c@p}}}}`, `{"cloudProvider":"GCP","dbStorageBucket":"backups","enabled":true,"gsa":"c@p"}`},
		"remote": {none + `, remote: {server: h, directory: /b, secret: ssh, schedule: 0 3 * * *}}}}`,
			`{"cloudProvider":"HYBRID","enabled":true,"keyFileRef":"ssh","schedule":"0 3 * * *","server":"h","storageDirectory":"/b"}`},
		"csi": {none + `, csi: {schedule: 0 4 * * *}}}}`, `{"cloudProvider":"CSI","enabled":true,"schedule":"0 4 * * *"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkOverrides(t, ringOf(t, tt.patch), "west", want{"cassandra.backup": tt.want}) })
	}
}

// The four ways to authenticate.
const (
	bySecrets   = `spec: {serviceAccounts: {secrets: {mart: my-mart, runtime: my-runtime}}}`
	byWorkload  = `spec: {serviceAccounts: {workloadIdentity: {gsa: all@p, components: {mart: mart@p, runtime: run@p, mint-task-scheduler: mint@p}}}}`
	byFederated = `spec: {serviceAccounts: {federated: {gsa: all@p, audience: aud, credentialSourceFile: /token, tokenExpiration: 3600, components: {watcher: w@p}}}}`
	byVault     = `spec: {serviceAccounts: {vault: {secretProviderClass: org-class, environments: {prod: prod-class}}}}`
)

func TestServiceAccounts(t *testing.T) {
	tests := map[string]struct {
		patch   string
		want    want
		secrets []string
	}{
		"conventional names": {`{}`, want{
			"mart": `{"serviceAccountRef":"apigee-mart-svc-account"}`, "connectAgent": `{"serviceAccountRef":"apigee-mart-svc-account"}`,
			"watcher": `{"serviceAccountRef":"apigee-watcher-svc-account"}`, "metrics": `{"serviceAccountRef":"apigee-metrics-svc-account"}`,
			"guardrails": `{"serviceAccountRef":"apigee-guardrails-svc-account"}`, "logger": "", "udca": "", "mintTaskScheduler": "",
			"envs.0":               `{"name":"prod","serviceAccountSecretRefs":{"runtime":"apigee-runtime-svc-account","synchronizer":"apigee-synchronizer-svc-account"}}`,
			"gcp.workloadIdentity": "", "gcp.federatedWorkloadIdentity": "", "serviceAccountSecretProviderClass": "",
		}, []string{"cassandra-users", "apigee-mart-svc-account", "apigee-watcher-svc-account", "apigee-metrics-svc-account", "apigee-guardrails-svc-account", "apigee-runtime-svc-account", "apigee-synchronizer-svc-account", "apigee-cassandra-svc-account", "public-tls"}},
		"secrets": {bySecrets, want{
			"mart": `{"serviceAccountRef":"my-mart"}`, "connectAgent": `{"serviceAccountRef":"my-mart"}`, "watcher": `{"serviceAccountRef":"apigee-watcher-svc-account"}`,
			"envs.0.serviceAccountSecretRefs": `{"runtime":"my-runtime","synchronizer":"apigee-synchronizer-svc-account"}`,
		}, []string{"cassandra-users", "my-mart", "apigee-watcher-svc-account", "apigee-metrics-svc-account", "apigee-guardrails-svc-account", "my-runtime", "apigee-synchronizer-svc-account", "apigee-cassandra-svc-account", "public-tls"}},
		"mint": {`spec: {serviceAccounts: {secrets: {mint-task-scheduler: mint}}}`, want{"mintTaskScheduler": `{"serviceAccountRef":"mint"}`}, nil},
		"workload identity": {byWorkload, want{
			"gcp.workloadIdentity": `{"enabled":true,"gsa":"all@p"}`, "mart": `{"gsa":"mart@p"}`, "connectAgent": `{"gsa":"mart@p"}`, "watcher": "",
			"mintTaskScheduler": `{"gsa":"mint@p"}`, "envs.0": `{"gsa":{"runtime":"run@p"},"name":"prod"}`,
		}, []string{"cassandra-users", "public-tls"}},
		"federated": {byFederated, want{
			"gcp.federatedWorkloadIdentity": `{"audience":"aud","credentialSourceFile":"/token","enabled":true,"tokenExpiration":3600}`,
			"gcp.workloadIdentity":          `{"enabled":false,"gsa":"all@p"}`, "watcher": `{"gsa":"w@p"}`, "mart": "", "envs.0": `{"name":"prod"}`,
		}, []string{"cassandra-users", "public-tls"}},
		"vault": {byVault, want{
			"serviceAccountSecretProviderClass": `"org-class"`, "envs.0": `{"name":"prod","serviceAccountSecretProviderClass":"prod-class"}`, "mart": "", "watcher": "",
		}, []string{"cassandra-users", "public-tls"}},
		"remote backup": {`spec: {cassandra: {auth: null, backup: {gcs: null, remote: {server: h, directory: /b, secret: ssh}}}, serviceAccounts: {workloadIdentity: {}}}`, want{}, []string{"ssh", "public-tls"}},
		"backup secret": {`spec: {cassandra: {backup: {gcs: {secret: b}}}, serviceAccounts: {vault: {secretProviderClass: c}}}`, want{}, []string{"cassandra-users", "b", "public-tls"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := ringOf(t, tt.patch)
			checkOverrides(t, g, "west", tt.want)
			if diff := cmp.Diff(tt.secrets, g.secretsNeeded()); tt.secrets != nil && diff != "" {
				t.Errorf("Secrets (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVersions holds what 1.16 changed: UDCA is gone, and guardrails has an
// account of its own.
func TestVersions(t *testing.T) {
	const udca, guardrails = `{"serviceAccountRef":"apigee-udca-svc-account"}`, `{"serviceAccountRef":"apigee-guardrails-svc-account"}`
	for version, tt := range map[string]struct{ udca, guardrails, env string }{
		"1.14.2": {udca, "", `"apigee-udca-svc-account"`}, "1.15.1": {udca, "", `"apigee-udca-svc-account"`},
		"1.16.0": {"", guardrails, ""}, "1.17.0-beta.1": {"", guardrails, ""}, "2.0.0": {"", guardrails, ""},
	} {
		t.Run(version, func(t *testing.T) {
			checkOverrides(t, ringOf(t, `spec: {version: "`+version+`"}`), "east",
				want{"udca": tt.udca, "guardrails": tt.guardrails, "envs.0.serviceAccountSecretRefs.udca": tt.env})
		})
	}
}

func TestParseLine(t *testing.T) {
	for version, want := range map[string]line{"1.16.0": {1, 16}, "1.16": {1, 16}, "2": {2, 0}, "": {}, "x.y": {}, "1.17.0-rc.1": {1, 17}} {
		if got := parseLine(version); got != want {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
	if !(line{2, 0}).atLeast(1, 16) || (line{1, 15}).atLeast(1, 16) || !(line{1, 16}).atLeast(1, 16) {
		t.Error("atLeast is wrong")
	}
}

func TestComponentsThatAreOnOrOff(t *testing.T) {
	const metrics, logger = `{"enabled":%t,"serviceAccountRef":"apigee-metrics-svc-account"}`, `{"enabled":true,"serviceAccountRef":"apigee-logger-svc-account"}`
	g := values(t, `{}`, `{logger: {enabled: true}, metrics: {enabled: false}}`)
	checkOverrides(t, g, "east", want{"logger": logger, "metrics": `{"enabled":false}`})
	g = values(t, `{}`, `{metrics: {enabled: false}}`, `{metrics: {enabled: true}}`)
	checkOverrides(t, g, "east", want{"metrics": fmt.Sprintf(metrics, true)})
	checkOverrides(t, g, "west", want{"metrics": fmt.Sprintf(metrics, false)})
}

// TestValuesMergeInOrder: the topology first, then every region's values, then
// the region's own.
func TestValuesMergeInOrder(t *testing.T) {
	g := values(t, `spec: {cassandra: {resources: {requests: {cpu: 1, memory: 1Gi}}}}`,
		`{cassandra: {maxHeapSize: 1G, resources: {requests: {cpu: 2}, limits: {cpu: 4}}}, logger: {livenessProbe: {periodSeconds: 1}}, tags: [a, b], gone: {a: 1}}`,
		`{}`,
		`{cassandra: {maxHeapSize: 2G, resources: {requests: {memory: 9Gi}}}, tags: [c], gone: null}`)
	checkOverrides(t, g, "east", want{
		"cassandra.maxHeapSize": `"1G"`, "cassandra.resources": `{"limits":{"cpu":4},"requests":{"cpu":2,"memory":"1Gi"}}`, "tags": `["a","b"]`, "gone": `{"a":1}`,
	})
	checkOverrides(t, g, "west", want{
		"cassandra.maxHeapSize": `"2G"`, "cassandra.resources": `{"limits":{"cpu":4},"requests":{"cpu":2,"memory":"9Gi"}}`, "tags": `["c"]`,
		"logger.livenessProbe": `{"periodSeconds":1}`, "cassandra.datacenter": `"dc-2"`,
	})
	if o := g.overrides(g.Region("west"), stage.Progress{Phase: stage.Serving}); text(t, o) == "" || at(t, o, "gone") != nil {
		t.Error("null does not take away")
	} else if _, there := o.Get("gone"); !there {
		t.Error("null is not written, so that Helm keeps its default")
	}
	checkOverrides(t, g, "east", want{"cassandra.maxHeapSize": `"1G"`}) // still
}

// TestOverridesAreKnownToTheCharts: everything that the topology can make is a
// property of the table, and one that the charts of the version read.
func TestOverridesAreKnownToTheCharts(t *testing.T) {
	accounts := map[string]string{"secrets": bySecrets, "workload identity": byWorkload, "federated": byFederated, "vault": byVault}
	backups := []string{`gcs: {bucket: b}`, `gcs: null, remote: {server: h, directory: /b, secret: s}`, `gcs: null, csi: {schedule: 0 4 * * *}`}
	for _, version := range []string{"1.14.0", "1.15.1", "1.16.0"} {
		for name, by := range accounts {
			for _, backup := range backups {
				full := fmt.Sprintf(`{version: %s, cassandra: {backup: {%s}, resources: {requests: {cpu: 1}}, tolerations: [{key: k, operator: Equal, value: v, effect: NoSchedule, tolerationSeconds: 1}]}}`, version, backup)
				spec := decode(t, by).(map[string]any)["spec"].(map[string]any)
				checkKnown(t, version+" by "+name, ringOf(t, text(t, map[string]any{"spec": merge(decode(t, full), spec)})))
			}
		}
	}
}

func checkKnown(t *testing.T, name string, g *ring) {
	t.Helper()
	var v topology.Values
	if err := v.UnmarshalJSON([]byte(text(t, g.overrides(g.Region("west"), stage.Progress{Phase: joining})))); err != nil {
		t.Fatal(err)
	}
	seen := 0
	v.Walk("", func(path string, value any) {
		switch value.(type) {
		case map[string]any, []any:
			return
		}
		seen++
		property := propertyOf("", path)
		known, ok := lookupProperty(property)
		if !ok || slices.Contains(known.unread, g.line.String()) {
			t.Errorf("%s: %s is %+v, known %t", name, property, known, ok)
		}
	})
	if seen < 20 {
		t.Errorf("%s: only %d properties", name, seen)
	}
}
