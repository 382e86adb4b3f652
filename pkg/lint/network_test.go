package lint

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ringplan/ringplan/pkg/topology"
)

// islands makes every region of base an island, with hostNetwork by default.
var islands = set{
	"spec/regions/0/network/model": `"island"`, "spec/regions/1/network/model": `"island"`, "spec/regions/2/network/model": `"island"`,
	"spec/regions/1/seedHost": `"10.1.0.11"`, "spec/regions/2/seedHost": `"10.1.0.11"`,
}

// flats makes every region of base flat with hostNetwork.
var flats = islands.with("spec/regions/0/network/model", `"flat"`).with("spec/regions/1/network/model", `"flat"`).with("spec/regions/2/network/model", `"flat"`).
	with("spec/regions/0/network/hostNetwork", "true").with("spec/regions/1/network/hostNetwork", "true").with("spec/regions/2/network/hostNetwork", "true")

const (
	pods0, nodes0, services0 = "spec/regions/0/network/pods", "spec/regions/0/network/nodes", "spec/regions/0/network/services"
	pods1, nodes1, services1 = "spec/regions/1/network/pods", "spec/regions/1/network/nodes", "spec/regions/1/network/services"
	isolated0, isolated1     = "spec/regions/0/network/isolated", "spec/regions/1/network/isolated"
)

func TestRangesThatCannotBeRead(t *testing.T) {
	const at = "spec.regions[0].network.services[0]"
	tests := map[string]ruleTest{}
	for name, text := range map[string]string{
		"a word": "here", "empty": "", "an address": "10.200.0.1", "no length": "10.200.0.0/", "length too large": "10.200.0.0/33", "negative length": "10.200.0.0/-1",
		"leading zero": "010.200.0.0/16", "leading zero of the length": "10.200.0.0/08", "white space": " 10.200.0.0/16", "three parts": "10.200.0/16", "two lengths": "10.200.0.0/16/8",
		"IPv6 length": "2001:db8::/129", "zone": "fe80::1%eth0/64", "IPv4 mapped into IPv6": "::ffff:10.200.0.0/112", "all of the mapped": "::ffff:0.0.0.0/96",
	} {
		quoted, _ := json.Marshal([]string{text})
		tests[name] = ruleTest{set{services0: string(quoted)}, nil, []string{"RP010 error " + at}}
	}
	for name, text := range map[string]string{"upper case": "2001:DB8::/64", "long form": "2001:0db8:0000::/64", "one address": "10.200.0.1/32"} {
		tests[name] = ruleTest{set{services0: `["` + text + `"]`}, nil, nil}
	}
	for name, text := range map[string]string{"host bits": "10.200.0.1/16", "IPv6 host bits": "2001:db8::1/64", "host bits of all": "0.0.0.1/31"} {
		tests[name] = ruleTest{set{services0: `["` + text + `"]`}, nil, []string{"RP011 error " + at}}
	}
	checkRules(t, tests)
}

func TestRangeHint(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1": "10.0.0.1/32", "2001:db8::1": "2001:db8::1/128", "fe80::1%eth0": "fe80::1/128", "::ffff:10.0.0.1": "10.0.0.1/32",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "10.0.0.0/33": "from 0 to 32", "2001:db8::/200": "from 0 to 128", "x": "10.100.0.0/16",
	} {
		got := rangeHint(text)
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s does not say %s", text, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	const pods, nodes, services = "RP012 error spec.regions[1].network.pods[0]", "RP012 error spec.regions[1].network.nodes[0]", "RP012 error spec.regions[1].network.services[0]"
	tests := map[string]ruleTest{
		"pods, flat":                 {set{pods1: `["10.100.128.0/17"]`}, nil, []string{pods}},
		"the same pods":              {set{pods1: `["10.100.0.0/16"]`}, nil, []string{pods}},
		"pods around pods":           {set{pods1: `["10.100.0.0/15"]`}, nil, []string{pods}},
		"next to each other":         {set{pods1: `["10.99.0.0/16"]`}, nil, nil},
		"pods, flat, said isolated":  {set{pods1: `["10.100.0.0/16"]`, isolated1: "true"}, nil, []string{pods}},
		"services, said isolated":    {set{services1: `["10.100.0.0/20"]`, isolated0: "true", isolated1: "true"}, nil, []string{services}},
		"pods and services":          {set{services1: `["10.100.0.0/20"]`}, nil, []string{services}},
		"services of both":           {set{services1: `["10.200.0.0/20"]`}, nil, nil},
		"nodes":                      {set{nodes1: `["10.1.0.0/20"]`}, nil, []string{nodes}},
		"nodes, said isolated":       {set{nodes1: `["10.1.0.0/20"]`, isolated0: "true", isolated1: "true"}, nil, []string{nodes}},
		"nodes and pods":             {set{nodes1: `["10.100.0.0/20"]`}, nil, []string{nodes}},
		"nodes and services":         {set{nodes1: `["10.200.0.0/20"]`}, nil, []string{nodes}},
		"nodes and pods of islands":  {islands.with(nodes1, `["10.100.0.0/20"]`), nil, []string{nodes}},
		"pods of islands":            {islands.with(pods1, `["10.100.0.0/16"]`), nil, []string{"RP012 note spec.regions[1].network.pods[0]"}},
		"pods of isolated islands":   {islands.with(pods1, `["10.100.0.0/16"]`).with(isolated1, "true"), nil, nil},
		"pods and services, islands": {islands.with(services1, `["10.100.0.0/20"]`), nil, nil},
		"pods of an island and flat": {islands.with(pods1, `["10.100.0.0/16"]`).with("spec/regions/0/network/model", `"flat"`), nil, []string{pods}},
		"flat with hostNetwork":      {flats.with(pods1, `["10.100.0.0/16"]`), nil, []string{pods, "RP022 note spec.regions[0].network.hostNetwork"}},
		"the same, said isolated":    {flats.with(pods1, `["10.100.0.0/16"]`).with(isolated0, "true"), nil, []string{"RP022 note spec.regions[0].network.hostNetwork"}},
		"inside a region":            {set{services1: `["10.101.0.0/20"]`}, nil, []string{services}},
		"inside an isolated region":  {set{services1: `["10.101.0.0/20"]`, isolated1: "true"}, nil, []string{services}},
		"inside an island":           {islands.with(services1, `["10.101.0.0/20"]`), nil, []string{services}},
		"one list":                   {set{pods1: `["10.101.0.0/16", "10.101.1.0/24"]`}, nil, []string{"RP012 error spec.regions[1].network.pods[1]"}},
		"everything": {set{services1: `["0.0.0.0/0"]`}, nil, []string{
			services, services, services, services, "RP012 error spec.regions[2].network.nodes[0]", "RP012 error spec.regions[2].network.pods[0]",
		}},
		"host bits do not hide it":    {set{pods1: `["10.100.1.1/16"]`}, nil, []string{"RP011 error spec.regions[1].network.pods[0]", pods}},
		"what cannot be read is left": {set{pods1: `["10.100.0.0"]`}, nil, []string{"RP010 error spec.regions[1].network.pods[0]"}},
		"families never meet":         {set{services1: `["::/0"]`}, nil, nil},
	}
	checkRules(t, tests)
}

func TestFamilies(t *testing.T) {
	const v6 = `["2001:db8:1::/64"]`
	checkRules(t, map[string]ruleTest{
		"pods of two families":             {set{pods1: v6}, nil, []string{"RP013 error spec.regions[1].network.pods"}},
		"a region of both":                 {set{pods1: `["10.101.0.0/16", "2001:db8:1::/64"]`}, nil, []string{"RP013 error spec.regions[1].network.pods"}},
		"nodes do not matter without":      {set{nodes1: v6}, nil, nil},
		"nodes of two families":            {islands.with(nodes1, v6), nil, []string{"RP013 error spec.regions[1].network.nodes"}},
		"pods do not matter with":          {islands.with(pods1, v6), nil, nil},
		"what cannot be read is no family": {set{pods1: `["x"]`}, nil, []string{"RP010 error spec.regions[1].network.pods[0]"}},
	})
}

func TestRoom(t *testing.T) {
	const pods = "RP014 error spec.regions[0].network.pods"
	noSeeds := func(s set) set { // seed hosts are not in these ranges
		return s.with("spec/regions/1/seedHost", "").with("spec/regions/2/seedHost", "")
	}
	later := []string{"RP036 note spec.regions[1]", "RP036 note spec.regions[2]"}
	tests := map[string]ruleTest{
		"a /24 a node":           {noSeeds(set{pods0: `["10.100.0.0/23"]`}), nil, append([]string{pods}, later...)},
		"room for four":          {noSeeds(set{pods0: `["10.100.0.0/22"]`}), nil, later},
		"two lists together":     {noSeeds(set{pods0: `["10.100.0.0/23", "10.100.8.0/24"]`}), nil, later},
		"ranges below one node":  {noSeeds(set{pods0: `["10.100.0.0/25", "10.100.1.0/25", "10.100.2.0/25", "10.100.3.0/25"]`}), nil, append([]string{pods}, later...)},
		"more replicas":          {noSeeds(set{pods0: `["10.100.0.0/22"]`, "spec/regions/0/cassandra": `{"replicas": 6}`}), nil, append([]string{pods}, later...)},
		"single addresses":       {set{pods1: `["10.101.0.0/31"]`}, nil, []string{"RP014 error spec.regions[1].network.pods"}},
		"four single addresses":  {set{pods1: `["10.101.0.0/30"]`}, nil, nil},
		"nodes":                  {set{nodes1: `["10.2.0.0/31"]`}, nil, []string{"RP014 error spec.regions[1].network.nodes"}},
		"IPv6 has room":          {set{services0: "", nodes1: `["2001:db8::/64"]`}, nil, nil},
		"all of IPv6":            {set{nodes1: `["::/0"]`}, nil, nil},
		"unreadable is reported": {set{nodes1: `["10.2.0.0/31", "x"]`}, nil, []string{"RP010 error spec.regions[1].network.nodes[1]"}},
	}
	checkRules(t, tests)
}

func TestHostNetwork(t *testing.T) {
	const host0, host1 = "spec/regions/0/network/hostNetwork", "spec/regions/1/network/hostNetwork"
	const at0, at1 = "spec.regions[0].network.hostNetwork", "spec.regions[1].network.hostNetwork"
	tests := map[string]ruleTest{
		"islands agree":                {islands, nil, nil},
		"an island says no":            {islands.with(host1, "false"), nil, []string{"RP020 error " + at1, "RP021 error " + at1}},
		"flat says no, another island": {islands.with("spec/regions/0/network/model", `"flat"`).with(host0, "false").with("spec/regions/1/seedHost", `"10.100.0.1"`).with("spec/regions/2/seedHost", `"10.100.0.1"`), nil, []string{"RP021 error " + at0}},
		"flat says yes, alone":         {set{host1: "true"}, nil, []string{"RP021 error " + at1}},
		"flat says yes, all of them":   {flats, nil, []string{"RP022 note " + at0}},
		"all islands say yes":          {islands.with(host0, "true").with(host1, "true"), nil, nil},
	}
	checkRules(t, tests)
	single := `[{"name": "east", "platform": "aks", "datacenter": "dc-1", "network": {"model": "island", "hostNetwork": false}}]`
	checkRules(t, map[string]ruleTest{"a single island needs none": {set{"spec/regions": single}, nil, nil}})
}

// overlapsOf counts what checkOverlap alone says of two flat regions with these
// pods.
func overlapsOf(a, b string) int {
	spec := func(i int, text string) topology.Region {
		off := false
		return topology.Region{Name: string(rune('a' + i)), Index: i, Network: topology.Network{Model: topology.Flat, HostNetwork: &off, Pods: []string{text}}}
	}
	top := &topology.Topology{Spec: topology.Spec{Regions: []topology.Region{spec(0, a), spec(1, b)}}}
	rule := Rule{Code: "RP012", Check: checkOverlap}
	return len(Run(top, Standing{}, []Rule{rule}, nil))
}

// TestOverlapOfEverySmallPair compares with sets of addresses.
func TestOverlapOfEverySmallPair(t *testing.T) {
	base := netip.MustParseAddr("10.0.0.240").As4()
	var prefixes []netip.Prefix
	for bits := 28; bits <= 32; bits++ {
		for host := range byte(16) {
			addr := base
			addr[3] += host
			prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4(addr), bits))
		}
	}
	for _, a := range prefixes {
		for _, b := range prefixes {
			share := false
			for at := netip.AddrFrom4(base); at.IsValid() && !share; at = at.Next() {
				share = a.Contains(at) && b.Contains(at)
				if at.As4()[3] == 255 {
					break
				}
			}
			if got := overlapsOf(a.String(), b.String()) > 0; got != share {
				t.Fatalf("%s and %s: overlap is %t", a, b, got)
			}
		}
	}
}

// FuzzOverlap compares with the first and last addresses of random ranges, as
// numbers.
func FuzzOverlap(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0}, 8, []byte{10, 1, 0, 0}, 16)
	f.Add([]byte{0, 0, 0, 0}, 0, []byte{255, 255, 255, 255}, 32)
	f.Add(make([]byte, 16), 0, make([]byte, 16), 128)
	f.Add(make([]byte, 16), 96, make([]byte, 4), 0)
	f.Fuzz(func(t *testing.T, a []byte, abits int, b []byte, bbits int) {
		p, ok := prefixOf(a, abits)
		q, ok2 := prefixOf(b, bbits)
		if !ok || !ok2 {
			t.Skip("no ranges")
		}
		plo, phi := ends(p)
		qlo, qhi := ends(q)
		want := p.Addr().BitLen() == q.Addr().BitLen() && plo.Cmp(qhi) <= 0 && qlo.Cmp(phi) <= 0
		forth, back := overlapsOf(p.String(), q.String()) > 0, overlapsOf(q.String(), p.String()) > 0
		if forth != want || back != want {
			t.Errorf("%s and %s: got %t, the other way round %t, want %t", p, q, forth, back, want)
		}
	})
}

func prefixOf(bytes []byte, bits int) (netip.Prefix, bool) {
	addr, ok := netip.AddrFromSlice(bytes)
	if !ok || addr.Is4In6() {
		return netip.Prefix{}, false
	}
	if bits < 0 {
		bits = -(bits + 1)
	}
	return netip.PrefixFrom(addr, bits%(addr.BitLen()+1)), true
}

// ends returns the first and the last address of a range.
func ends(p netip.Prefix) (lo, hi *big.Int) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	lo = new(big.Int).SetBytes(p.Addr().AsSlice())
	lo.Sub(lo, new(big.Int).Mod(lo, size))
	hi = new(big.Int).Add(lo, size)
	return lo, hi.Sub(hi, big.NewInt(1))
}

// FuzzCIDR gives the rules any text for ranges and seed hosts: none of them
// panics, each text that is no range is said so once, and everything that is
// said names a field of its region.
func FuzzCIDR(f *testing.F) {
	for _, s := range []string{
		"10.0.0.0/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "2001:DB8::/32", " 10.0.0.0/8", "010.0.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "/", "", "%", "\x00", "10.0.0.1",
	} {
		f.Add(s, "10.0.0.0/8", "10.0.0.1")
		f.Add("10.0.0.0/8", s, s)
	}
	f.Fuzz(func(t *testing.T, pods, nodes, seed string) {
		if !utf8.ValidString(pods) || !utf8.ValidString(nodes) || !utf8.ValidString(seed) {
			t.Skip("no JSON")
		}
		in := func(v ...string) string {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		top := set{pods1: in(pods, nodes), nodes1: in(nodes), services1: in(pods), "spec/regions/1/seedHost": strings.Trim(in(seed), "[]")}.on(t)
		unreadable := 0
		for _, finding := range run(top, nil) {
			if finding.Code == "RP010" {
				unreadable++
			}
			if !strings.HasPrefix(finding.Path, "spec.regions[") || finding.Message == "" || finding.Hint == "" {
				t.Errorf("%+v", finding)
			}
		}
		want := 0
		for _, text := range []string{pods, nodes, nodes, pods} {
			if p, err := netip.ParsePrefix(text); err != nil || p.Addr().Is4In6() {
				want++
			}
		}
		if unreadable != want {
			t.Errorf("%d of %d unreadable ranges are reported", unreadable, want)
		}
	})
}
