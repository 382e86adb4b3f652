package apigee

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSizeRules(t *testing.T) {
	regions := func(n, replicas int) string {
		var list []string
		for i := range n {
			from := ", expandFrom: r0, seedHost: 10.0.0.1"
			if i == 0 {
				from = ""
			}
			list = append(list, fmt.Sprintf(`{name: r%d, platform: gke, datacenter: dc-%d, kubernetes: {cluster: c%d}, cassandra: {replicas: %d}%s}`, i, i, i, replicas, from))
		}
		return "spec: {regions: [" + strings.Join(list, ", ") + "]}"
	}
	version := func(v string) string { return `spec: {version: "` + v + `"}` }
	tests := map[string]struct {
		patch string
		want  []string
	}{
		"10 regions":          {regions(10, 15), nil},
		"11 regions":          {regions(11, 3), []string{"RP040 error spec.regions"}},
		"153 pods":            {regions(3, 51), []string{"RP041 error spec.regions"}},
		"both":                {regions(11, 15), []string{"RP040 error spec.regions", "RP041 error spec.regions"}},
		"older than is known": {version("1.12.9"), []string{"RP090 error spec.version"}},
		"end of life":         {version("1.13.4"), []string{"RP090 warning spec.version"}},
		"oldest that is":      {version("1.14.0"), nil},
		"newest":              {version("1.17.3"), nil},
		"newer than is known": {version("1.18.0"), []string{"RP091 note spec.version"}},
		"much newer":          {version("2.0.0"), []string{"RP091 note spec.version"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, ringOf(t, tt.patch), tt.want) })
	}
}

func TestNameRules(t *testing.T) {
	id := func(s string) string { return `spec: {instanceID: "` + s + `"}` }
	gateway := func(s string) string { return `spec: {ingressGateways: [{name: "` + s + `"}]}` }
	env := func(s string) string { return `spec: {environments: [{name: "` + s + `"}]}` }
	group := func(s string) string { return `spec: {environmentGroups: [{name: "` + s + `", tls: {secret: s}}]}` }
	long := strings.Repeat("x", 63)
	const badID, badGateway, badEnv, badGroup = "RP060 error spec.instanceID", "RP061 error spec.ingressGateways[0].name", "RP063 error spec.environments[0].name", "RP063 error spec.environmentGroups[0].name"
	tests := map[string]struct {
		patch string
		want  []string
	}{
		"ID of 63":                               {id(long), nil},
		"ID of 64":                               {id(long + "x"), []string{badID}},
		"ID with a hyphen":                       {id("acme-1"), []string{badID}},
		"ID that is empty":                       {id(""), []string{badID}},
		"ID with a line after it":                {id(`a\n`), []string{badID}},
		"gateway of 17":                          {gateway("a2345678901234-.7"), nil},
		"gateway of 18":                          {gateway("a23456789012345678"), []string{badGateway}},
		"gateway of one":                         {gateway("a"), nil},
		"gateway in upper case":                  {gateway("Prod"), []string{badGateway}},
		"gateway that ends so":                   {gateway("prod-"), []string{badGateway}},
		"gateway twice":                          {`spec: {ingressGateways: [{name: a}, {name: a}]}`, []string{"RP061 error spec.ingressGateways[1].name"}},
		"gateway of a group":                     {`spec: {environmentGroups: {0: {gateway: gateway}}}`, nil},
		"gateway of a group, none":               {`spec: {environmentGroups: {0: {gateway: other}}}`, []string{"RP061 error spec.environmentGroups[0].gateway"}},
		"environment of 32":                      {env(long[:32]), nil},
		"environment of 33":                      {env(long[:33]), []string{badEnv}},
		"environment of one":                     {env("x"), []string{badEnv}},
		"environment, digit first":               {env("1x"), []string{badEnv}},
		"environment twice":                      {`spec: {environments: [{name: dev}, {name: dev}]}`, []string{"RP063 error spec.environments[1].name"}},
		"group of 63":                            {group(long), nil},
		"group of 64":                            {group(long + "x"), []string{badGroup}},
		"group with a dot":                       {group("a.b"), []string{badGroup}},
		"group twice":                            {`spec: {environmentGroups: [{name: a, tls: {secret: s}}, {name: a, tls: {secret: s}}]}`, []string{"RP063 error spec.environmentGroups[1].name"}},
		"an environment and a group of one name": {`spec: {environments: [{name: dev}], environmentGroups: [{name: dev, tls: {secret: s}}]}`, nil},
		"organization named as a release":        {`spec: {organization: {name: redis}}`, []string{"RP062 error spec.organization.name"}},
		"organization named as an environment's": {`spec: {organization: {name: prod-env-release}}`, []string{"RP062 error spec.organization.name"}},
		"a group named as another is shortened": {
			`spec: {environmentGroups: [{name: ` + long + `, tls: {secret: s}}, {name: ` + strings.TrimSuffix(groupRelease(long), "-envgroup-release") + `, tls: {secret: s}}]}`,
			[]string{"RP062 error spec.organization.name"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, ringOf(t, tt.patch), tt.want) })
	}
}

func TestSetupRules(t *testing.T) {
	const csi = `spec: {cassandra: {backup: {gcs: null, csi: {}}}, regions: {1: {platform: openshift}}}`
	tests := map[string]struct {
		patch, values string
		west          string // the values of the second region
		want          []string
	}{
		"scheduling not required":        {`{}`, `{nodeSelector: {requiredForScheduling: false}}`, `{}`, []string{"RP070 warning spec.values.nodeSelector.requiredForScheduling"}},
		"scheduling, one region":         {`{}`, `{}`, `{nodeSelector: {requiredForScheduling: false}}`, []string{"RP070 warning spec.regions[1].values.nodeSelector.requiredForScheduling"}},
		"scheduling required":            {`{}`, `{nodeSelector: {requiredForScheduling: true}}`, `{}`, nil},
		"no backup":                      {`spec: {cassandra: {backup: null}}`, `{}`, `{}`, []string{"RP080 warning spec.cassandra"}},
		"no backup, before guardrails":   {`spec: {version: 1.13.0, cassandra: {backup: null}}`, `{}`, `{}`, []string{"RP090 warning spec.version"}},
		"backup by values":               {`spec: {cassandra: {backup: null}}`, `{cassandra: {backup: {enabled: true}}}`, `{}`, nil},
		"backup by values, of one":       {`spec: {cassandra: {backup: null}}`, `{}`, `{cassandra: {backup: {enabled: true}}}`, []string{"RP080 warning spec.cassandra"}},
		"backup off":                     {`{}`, `{cassandra: {backup: {enabled: false}}}`, `{}`, []string{"RP080 warning spec.values.cassandra.backup.enabled"}},
		"backup off in one region":       {`{}`, `{}`, `{cassandra: {backup: {enabled: false}}}`, []string{"RP080 warning spec.regions[1].values.cassandra.backup.enabled"}},
		"backup taken from one region":   {`{}`, `{}`, `{cassandra: {backup: null}}`, []string{"RP080 warning spec.regions[1].values.cassandra.backup"}},
		"CSI without a class":            {csi, `{}`, `{}`, []string{"RP081 warning spec.regions[1].cassandra"}},
		"CSI by values without a class":  {`spec: {cassandra: {backup: null}, regions: {1: {platform: openshift}}}`, `{cassandra: {backup: {enabled: true, cloudProvider: CSI}}}`, `{}`, []string{"RP081 warning spec.regions[1].cassandra"}},
		"CSI and a class under values":   {`spec: {cassandra: {backup: {gcs: null, csi: {}}}}`, `{cassandra: {storage: {storageClass: s}}}`, `{}`, []string{"RP050 error spec.values.cassandra.storage", "RP081 error spec.values.cassandra.storage.storageClass"}},
		"GCS without a class":            {`spec: {regions: {1: {platform: openshift}}}`, `{}`, `{}`, nil},
		"no auth":                        {`spec: {cassandra: {auth: null}}`, `{}`, `{}`, []string{"RP082 warning spec.cassandra"}},
		"auth by a driver":               {`spec: {cassandra: {auth: {secret: null, secretProviderClass: c}}}`, `{}`, `{}`, nil},
		"accounts in two ways":           {`spec: {serviceAccounts: {secrets: {mart: m}, workloadIdentity: {gsa: g@p}}}`, `{}`, `{}`, []string{"RP086 error spec.serviceAccounts"}},
		"accounts in two other ways":     {`spec: {cassandra: {backup: {gcs: {secret: s}}}, serviceAccounts: {federated: {audience: a}, vault: {environments: {prod: c}}}}`, `{}`, `{}`, []string{"RP086 error spec.serviceAccounts"}},
		"vault without an environment":   {`spec: {cassandra: {backup: {gcs: {secret: s}}}, serviceAccounts: {vault: {secretProviderClass: c}}}`, `{}`, `{}`, []string{"RP086 error spec.serviceAccounts.vault.environments"}},
		"vault of another environment":   {`spec: {cassandra: {backup: {gcs: {secret: s}}}, serviceAccounts: {vault: {secretProviderClass: c, environments: {prod: p, de-v: d}}}}`, `{}`, `{}`, []string{`RP086 error spec.serviceAccounts.vault.environments."de-v"`}},
		"vault and GCS without a secret": {byVault, `{}`, `{}`, []string{"RP086 error spec.cassandra.backup.gcs"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, values(t, tt.patch, tt.values, `{}`, tt.west), tt.want) })
	}
}

// TestOwnedPropertiesAreRefused takes every owned property, for all regions and
// for one, with any value and with null.
func TestOwnedPropertiesAreRefused(t *testing.T) {
	for property := range owned {
		for _, value := range []string{"x", "null"} {
			t.Run(property+" "+value, func(t *testing.T) {
				if list, key, ok := strings.Cut(property, "[]."); ok {
					field := map[string]string{"envs": "environments", "virtualhosts": "environmentGroups", "ingressGateways": "ingressGateways"}[list]
					g := ringOf(t, fmt.Sprintf(`spec: {%s: {0: {values: {%s: x}}}}`, field, key))
					checkHas(t, g, fmt.Sprintf("RP050 error spec.%s[0].values.%s", field, key))
					return
				}
				tree := nested(property, value)
				checkHas(t, values(t, `{}`, tree), "RP050 error spec.values."+property)
				checkHas(t, values(t, `{}`, `{}`, `{}`, tree), "RP050 error spec.regions[1].values."+property)
			})
		}
	}
}

// TestWhatSplitsARingIsOwned: a wrong one of these splits the ring, or keeps a
// seed in it for ever (I1, I2).
func TestWhatSplitsARingIsOwned(t *testing.T) {
	for _, property := range []string{
		"org", "instanceID", "namespace", "cassandra.clusterName", "cassandra.datacenter", "cassandra.rack", "cassandra.hostNetwork",
		"cassandra.multiRegionSeedHost", "cassandra.externalSeedHost", "cassandra.replicaCount", "nodeSelector.apigeeData",
	} {
		checkHas(t, values(t, `{}`, `{}`, `{}`, nested(property, "x")), "RP050 error spec.regions[1].values."+property)
	}
}

// nested writes a.b as {a: {b: value}}.
func nested(property, value string) string {
	keys := strings.Split(property, ".")
	return "{" + strings.Join(keys, ": {") + ": " + value + strings.Repeat("}", len(keys))
}

func checkHas(t *testing.T, g *ring, want string) {
	t.Helper()
	got := brief(findings(g, false))
	if !slices.Contains(got, want) {
		t.Errorf("%s is missing: %v", want, got)
	}
	for _, r := range rules(g) {
		if strings.HasPrefix(want, r.Code+" ") && !r.Always {
			t.Errorf("%s can be silenced", r.Code)
		}
	}
}

func TestOwnedAboveAndBelow(t *testing.T) {
	tests := map[string]struct {
		values string
		want   []string
	}{
		"null above":       {`{cassandra: null}`, []string{"RP050 error spec.values.cassandra", "RP080 warning spec.cassandra"}},
		"null above, deep": {`{cassandra: {auth: null}}`, []string{"RP050 error spec.values.cassandra.auth"}},
		"a list above":     {`{nodeSelector: [a]}`, []string{"RP050 error spec.values.nodeSelector"}},
		"below":            {`{nodeSelector: {apigeeData: {key: k}}}`, []string{"RP050 error spec.values.nodeSelector.apigeeData"}},
		"below, deep":      {`{cassandra: {tolerations: [{key: k}]}}`, []string{"RP050 error spec.values.cassandra.tolerations"}},
		"beside":           {`{cassandra: {maxHeapSize: 1G}, nodeSelector: {requiredForScheduling: true}, gcp: {}}`, nil},
		"a similar name":   {`{orgs: x, cassandra: {rackets: y}}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, values(t, `{}`, tt.values), tt.want) })
	}
	g := ringOf(t, `spec: {environments: {0: {values: {name: x, PollInterval: 1}}}}`)
	checkFindings(t, g, []string{"RP050 error spec.environments[0].values.name"})
}

func TestMustAgree(t *testing.T) {
	tests := map[string]struct {
		values string // of the second region
		want   []string
	}{
		"key in a Secret":    {`{kmsEncryptionSecret: {name: s, key: k}}`, []string{"RP051 error spec.regions[1].values.kmsEncryptionSecret"}},
		"KVM key":            {`{kvmEncryptionSecret: {name: s}}`, []string{"RP051 error spec.regions[1].values.kvmEncryptionSecret"}},
		"contract key":       {`{contractEncryptionKey: null}`, []string{"RP051 error spec.regions[1].values.contractEncryptionKey"}},
		"salt":               {`{axHashSaltSecret: s}`, []string{"RP051 error spec.regions[1].values.axHashSaltSecret"}},
		"user name":          {`{cassandra: {auth: {jmx: {username: u}}}}`, []string{"RP051 error spec.regions[1].values.cassandra.auth.jmx"}},
		"default keys":       {`{defaults: {env: {kmsEncryptionKey: null}}}`, []string{"RP051 error spec.regions[1].values.defaults.env"}},
		"control plane":      {`{contractProvider: "https://eu-apigee.googleapis.com"}`, []string{"RP051 error spec.regions[1].values.contractProvider"}},
		"version of a part":  {`{cassandra: {image: {tag: "1"}}}`, []string{"RP051 error spec.regions[1].values.cassandra.image.tag"}},
		"where images are":   {`{cassandra: {image: {url: u}, auth: {image: {url: u}}}}`, nil},
		"what may differ":    {`{cassandra: {maxHeapSize: 1G}, runtime: {replicaCountMin: 3}}`, nil},
		"a password as well": {`{cassandra: {auth: {default: {password: p}}}}`, []string{"RP051 error spec.regions[1].values.cassandra.auth.default", "RP087 error spec.regions[1].values.cassandra.auth.default.password"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, values(t, `{}`, `{}`, `{}`, tt.values), tt.want) })
	}
	t.Run("for every region", func(t *testing.T) {
		checkFindings(t, values(t, `{}`, `{kmsEncryptionSecret: {name: s, key: k}, axHashSaltSecret: s}`), nil)
	})
	t.Run("of the only region", func(t *testing.T) {
		g := values(t, `{}`, `{}`, `{kmsEncryptionSecret: {name: s, key: k}}`)
		g.Spec.Regions = g.Spec.Regions[:1]
		checkFindings(t, g, nil)
	})
}

func TestValueRules(t *testing.T) {
	const v = "spec.values."
	tests := map[string]struct {
		patch, values string
		want          []string
	}{
		"file in the chart":             {`{}`, `{mart: {serviceAccountPath: sa.json}}`, []string{"RP083 error " + v + "mart.serviceAccountPath"}},
		"file in the chart, own charts": {`spec: {charts: {path: charts}}`, `{mart: {serviceAccountPath: sa.json}}`, []string{"RP083 warning " + v + "mart.serviceAccountPath"}},
		"key file":                      {`{}`, `{cassandra: {backup: {keyFile: k}}}`, []string{"RP083 error " + v + "cassandra.backup.keyFile"}},
		"key file, unread spelling":     {`{}`, `{cassandra: {backup: {keyfile: k}}}`, []string{"RP083 error " + v + "cassandra.backup.keyfile", "RP102 warning " + v + "cassandra.backup.keyfile"}},
		"path in a container":           {`{}`, `{cassandra: {cwcAppend: {volumeMounts: [{mountPath: /x, subPath: y}]}}}`, nil},
		"path that is null":             {`{}`, `{mart: {serviceAccountPath: null}}`, nil},
		"paths of an environment":       {`spec: {environments: {0: {values: {serviceAccountPaths: {runtime: r.json}}}}}`, `{}`, []string{"RP083 error spec.environments[0].values.serviceAccountPaths.runtime"}},
		"certificate of a group":        {`spec: {environmentGroups: {0: {values: {sslCertPath: c.pem}}}}`, `{}`, []string{"RP083 error spec.environmentGroups[0].values.sslCertPath"}},

		"forced seed host":       {`{}`, `{cassandra: {forceUpdateMultiRegionSeedHost: true}}`, []string{"RP085 error " + v + "cassandra.forceUpdateMultiRegionSeedHost"}},
		"forced seed host, deep": {`{}`, `{release: {forceUpdateMultiRegionSeedHost: false}}`, []string{"RP085 error " + v + "release.forceUpdateMultiRegionSeedHost"}},
		"forced deletion":        {`{}`, `{cassandra: {forceDelete: true}}`, []string{"RP088 error " + v + "cassandra.forceDelete"}},
		"no forced deletion":     {`{}`, `{cassandra: {forceDelete: false}}`, nil},

		"password":         {`{}`, `{redis: {auth: {password: p}}}`, []string{"RP087 error " + v + "redis.auth.password"}},
		"proxy's password": {`spec: {environments: {0: {values: {httpProxy: {password: p}}}}}`, `{}`, []string{"RP087 error spec.environments[0].values.httpProxy.password"}},
		"encryption key":   {`{}`, `{kmsEncryptionKey: k}`, []string{"RP087 error " + v + "kmsEncryptionKey"}},
		"default key":      {`{}`, `{defaults: {org: {kmsEncryptionKey: k}}}`, []string{"RP087 error " + v + "defaults.org.kmsEncryptionKey"}},
		"salt":             {`{}`, `{axHashSalt: s}`, []string{"RP087 error " + v + "axHashSalt"}},
		"default salt":     {`{}`, `{defaults: {org: {axHashSalt: s}}}`, []string{"RP087 error " + v + "defaults.org.axHashSalt"}},
		"no password":      {`{}`, `{redis: {auth: {password: ""}}}`, nil},
		"name of a Secret": {`{}`, `{axHashSaltSecret: s, kmsEncryptionSecret: {name: n, key: k}, redis: {auth: {secret: s}}}`, nil},

		"unread":                   {`{}`, `{mart: {sslSecret: s}}`, []string{"RP102 warning " + v + "mart.sslSecret"}},
		"unread in 1.15 too":       {`spec: {version: 1.15.1}`, `{mart: {sslSecret: s}}`, []string{"RP102 warning " + v + "mart.sslSecret"}},
		"nothing known of 1.14":    {`spec: {version: 1.14.0}`, `{mart: {sslSecret: s}}`, nil},
		"nothing known of 1.17":    {`spec: {version: 1.17.0}`, `{mart: {sslSecret: s}}`, nil},
		"unread in 1.16 only":      {`{}`, `{cassandra: {primaryNetworkName: n}}`, []string{"RP102 warning " + v + "cassandra.primaryNetworkName"}},
		"read in 1.15":             {`spec: {version: 1.15.1}`, `{cassandra: {primaryNetworkName: n}}`, nil},
		"unread, both keys":        {`{}`, `{cassandra: {nodeSelector: {key: k, value: v}}}`, []string{"RP102 warning " + v + "cassandra.nodeSelector.key", "RP102 warning " + v + "cassandra.nodeSelector.value"}},
		"unread map, once a value": {`{}`, `{affinity: {a: {b: [1, 2]}}}`, []string{"RP102 warning " + v + "affinity.a.b"}},

		"deprecated, and unread":   {`{}`, `{gcpRegion: r}`, []string{"RP102 warning " + v + "gcpRegion"}},
		"deprecated":               {`spec: {version: 1.14.0}`, `{gcpRegion: r}`, []string{"RP103 warning " + v + "gcpRegion"}},
		"removed":                  {`spec: {version: 1.14.0}`, `{cassandra: {dnsPolicy: p}}`, []string{"RP103 warning " + v + "cassandra.dnsPolicy"}},
		"deprecated, but owned":    {`{}`, `{cassandra: {storage: {capacity: 1Gi}}}`, []string{"RP050 error " + v + "cassandra.storage"}},
		"documented and supported": {`{}`, `{cassandra: {maxHeapSize: 1G}, runtime: {replicaCountMin: 3}}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { checkFindings(t, values(t, tt.patch, tt.values), tt.want) })
	}
}

// TestNoFindingRepeatsAValue plants a secret in every property of the table,
// and in places that are in no table: nothing that is said repeats it (I9).
func TestNoFindingRepeatsAValue(t *testing.T) {
	const canary = "C4NARY0123456789abcdefghijklmnopqrstuvwx"
	planted := []string{
		nested("cassandra.auth.default.password", canary),
		nested("runtime.cwcAppend", `{env: [{name: DB_PASSWORD, value: `+canary+`}]}`),
		nested("cassandra.annotations", `{key: "-----BEGIN PRIVATE KEY-----`+canary+`"}`),
		nested("watcher.annotations", `{key: "{\"private_key\": \"`+canary+`\"}"}`),
		nested("contractProvider", `"https://u:`+canary+`@x"`),
	}
	for _, p := range properties {
		if !strings.Contains(p.path, "[]") {
			planted = append(planted, nested(p.path, canary))
		}
	}
	seen := 0
	for _, tree := range planted {
		for _, f := range findings(ringOf(t, fmt.Sprintf(`spec: {values: %s, regions: {1: {values: %s}}}`, tree, tree)), true) {
			seen++
			if strings.Contains(f.Message+f.Hint+f.Path, "C4NARY") {
				t.Errorf("%s: a value is repeated: %+v", tree, f)
			}
		}
	}
	if seen < len(planted)/10 {
		t.Errorf("only %d findings", seen)
	}
}

// TestEverySecretOfTheTableIsFound: a property that holds a secret itself is
// refused, whatever its name (I9).
func TestEverySecretOfTheTableIsFound(t *testing.T) {
	names := []string{"password", "EncryptionKey", "axHashSalt"}
	for _, p := range properties {
		last := p.path[strings.LastIndexByte(p.path, '.')+1:]
		if strings.Contains(p.path, "[]") || !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(last, n) }) {
			continue
		}
		checkHas(t, values(t, `{}`, nested(p.path, "x")), "RP087 error spec.values."+p.path)
	}
}
