package lint

import "testing"

func TestReplicas(t *testing.T) {
	dev := set{"metadata/labels": `{"tier": "dev"}`}
	const one = "spec/regions/1/cassandra"
	checkRules(t, map[string]ruleTest{
		"six":                  {set{one: `{"replicas": 6}`}, nil, nil},
		"one, production":      {set{one: `{"replicas": 1}`}, nil, []string{"RP042 error spec.regions[1].cassandra.replicas"}},
		"one, dev":             {dev.with(one, `{"replicas": 1}`), nil, []string{"RP042 warning spec.regions[1].cassandra.replicas"}},
		"another tier is none": {set{"metadata/labels": `{"tier": "prod"}`, one: `{"replicas": 5}`}, nil, []string{"RP042 error spec.regions[1].cassandra.replicas"}},
	})
}

func TestNodeLabels(t *testing.T) {
	label := func(key string) string { return `{"nodeSelector": {"key": "` + key + `", "value": "v"}}` }
	const data0, data1, run1 = "spec/regions/0/cassandra", "spec/regions/1/cassandra", "spec/regions/1/runtime"
	const at1 = "RP071 error spec.regions[1].cassandra.nodeSelector"
	checkRules(t, map[string]ruleTest{
		"GKE's own on GKE":         {set{data0: label("cloud.google.com/gke-nodepool")}, nil, nil},
		"GKE's on EKS":             {set{data1: label("cloud.google.com/gke-nodepool")}, nil, []string{at1}},
		"GKE's on EKS, runtime":    {set{run1: label("cloud.google.com/gke-nodepool")}, nil, []string{"RP071 error spec.regions[1].runtime.nodeSelector"}},
		"AKS's on EKS":             {set{data1: label("kubernetes.azure.com/agentpool")}, nil, []string{at1}},
		"AKS's old one on EKS":     {set{data1: label("agentpool")}, nil, []string{at1}},
		"EKS's on GKE":             {set{data0: label("eks.amazonaws.com/nodegroup")}, nil, []string{"RP071 error spec.regions[0].cassandra.nodeSelector"}},
		"a label of one's own":     {set{data1: label("example.com/pool")}, nil, nil},
		"one for the whole ring":   {set{"spec/cassandra": label("cloud.google.com/gke-nodepool")}, nil, []string{at1}},
		"one that starts like it":  {set{data1: label("cloud.google.com/gke-nodepool-2")}, nil, nil},
		"the default of all three": {nil, nil, nil},
	})
}

func TestStorageClasses(t *testing.T) {
	class := func(name string) string { return `{"storage": {"class": "` + name + `"}}` }
	checkRules(t, map[string]ruleTest{
		"another platform's":          {set{"spec/regions/1/cassandra": class("standard-rwo")}, nil, []string{"RP072 warning spec.regions[1].cassandra.storage.class"}},
		"another of its own":          {set{"spec/regions/0/cassandra": class("standard")}, nil, nil},
		"nobody's":                    {set{"spec/regions/1/cassandra": class("fast-ssd")}, nil, nil},
		"one for a ring of platforms": {set{"spec/cassandra": class("gp2")}, nil, []string{"RP072 warning spec.regions[0].cassandra.storage.class", "RP072 warning spec.regions[2].cassandra.storage.class"}},
	})
}

func TestTolerations(t *testing.T) {
	const missing, wrongCase = "RP073 error spec.regions[1].cassandra.taints", "RP074 error spec.regions[1].cassandra.tolerations[0]"
	on := func(effect, toleration string) set {
		return set{"spec/regions/1/cassandra": `{"taints": [{"key": "apigee", "value": "data", "effect": "` + effect + `"}], "tolerations": [` + toleration + `]}`}
	}
	checkRules(t, map[string]ruleTest{
		"none":                      {on("NoSchedule", ``), nil, []string{missing}},
		"none, only preferred":      {on("PreferNoSchedule", ``), nil, nil},
		"equal":                     {on("NoSchedule", `{"key": "apigee", "value": "data", "effect": "NoSchedule"}`), nil, nil},
		"equal, said":               {on("NoSchedule", `{"key": "apigee", "operator": "Equal", "value": "data"}`), nil, nil},
		"another value":             {on("NoSchedule", `{"key": "apigee", "value": "run"}`), nil, []string{missing}},
		"no value":                  {on("NoSchedule", `{"key": "apigee"}`), nil, []string{missing}},
		"another effect":            {on("NoExecute", `{"key": "apigee", "value": "data", "effect": "NoSchedule"}`), nil, []string{missing}},
		"exists":                    {on("NoExecute", `{"key": "apigee", "operator": "Exists"}`), nil, nil},
		"everything exists":         {on("NoExecute", `{"operator": "Exists"}`), nil, nil},
		"exists for another effect": {on("NoExecute", `{"operator": "Exists", "effect": "NoSchedule"}`), nil, []string{missing}},
		"key in another case":       {on("NoSchedule", `{"key": "Apigee", "operator": "Exists"}`), nil, []string{wrongCase}},
		"value in another case":     {on("NoSchedule", `{"key": "apigee", "value": "Data"}`), nil, []string{wrongCase}},
		"right after a wrong one":   {on("NoSchedule", `{"key": "Apigee", "operator": "Exists"}, {"key": "apigee", "operator": "Exists"}`), nil, nil},
		"one for the whole ring":    {set{"spec/cassandra": `{"taints": [{"key": "a", "effect": "NoSchedule"}], "tolerations": [{"key": "a", "operator": "Exists"}]}`}, nil, nil},
	})
}
