package apigee

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// The health of Apigee's custom resources, for engines. Nothing here is the
// gate: that is in gates.go, wants more, and decides what is rendered. What an
// engine shows must not say more than the gate does; health_test.go holds
// expressions, scripts and gate against each other.

// noStatus is true while an object has no status. An expression cannot ask for
// a field that is not there at the top, and would fail; but who has set which
// field stands in the metadata.
const noStatus = "has(metadata.managedFields) && !metadata.managedFields.exists(m, 'f:status' in m.?fieldsV1.orValue({}))"

// applied is true once the operator has applied what the object says.
const applied = "status.?lastAppliedGeneration.orValue(metadata.?generation.orValue(0)) == metadata.?generation.orValue(0)"

// stateHealth returns the health of a kind whose status.state says it all. Only
// of the datastore is it known that lastAppliedGeneration is kept [KZ].
func stateHealth(kind, want string) system.Health {
	h := system.Health{
		APIVersion: apiVersionOf(kind), Kind: kind, InProgress: noStatus,
		Current: fmt.Sprintf("status.?state.orValue('') == '%s'", want),
	}
	if kind == live.Kind {
		h.Current += " && " + applied
	}
	return h
}

// replicationHealth returns the health of a CassandraDataReplication.
func replicationHealth(name string) system.Health {
	return system.Health{
		APIVersion: apiVersionOf(replicationKind), Kind: replicationKind, Name: name, InProgress: noStatus,
		Failed:  fmt.Sprintf("status.?state.orValue('') == '%s' && %s", stateError, applied),
		Current: fmt.Sprintf("status.?state.orValue('') == '%s' && %s", stateComplete, applied),
	}
}

const replicationKind = "CassandraDataReplication"

// rebuildHealth returns the health of the datastore of a region that is
// rebuilt: what the gate rebuild-complete asks of its status.
func (g *ring) rebuildHealth(r *topology.Region, at stage.Progress) system.Health {
	pods := make([]string, r.Cassandra.Replicas)
	for i := range pods {
		pods[i] = "'" + podName(i) + "'"
	}
	fill := strings.NewReplacer(
		"REBUILD", "status.?cassandraDataReplication", "DETAILS", "status.?cassandraDataReplication.?rebuildDetails",
		"SINCE", fmt.Sprint(rebuiltSince(at)), "PODS", "["+strings.Join(pods, ", ")+"]", "COUNT", fmt.Sprint(len(pods)),
	)
	return system.Health{
		APIVersion: live.APIVersion, Kind: live.Kind, Name: live.Name, InProgress: noStatus,
		Failed: fill.Replace(`REBUILD.?state.orValue('') == 'error' && REBUILD.?updated.orValue(SINCE) >= SINCE
|| DETAILS.orValue({}).exists(pod,
  DETAILS[?pod].?state.orValue('') == 'error' && DETAILS[?pod].?updated.orValue(SINCE) >= SINCE)
`),
		Current: fill.Replace(`REBUILD.?state.orValue('') == 'complete' && REBUILD.?updated.orValue(0) >= SINCE
&& size(DETAILS.orValue({})) == COUNT
&& PODS.all(pod,
  DETAILS[?pod].?state.orValue('') == 'complete' && DETAILS[?pod].?updated.orValue(0) >= SINCE)
`),
	}
}

// never is a time that no status is newer than.
const never = 253402300799 // the end of the year 9999

// rebuiltSince returns the time, in seconds since 1970, from which on a rebuild
// counts for an engine: the start of the phase, less the difference between
// clocks that a gate allows unless told otherwise. Where nobody knows when the
// phase began, nothing counts.
func rebuiltSince(at stage.Progress) int64 {
	if at.Since.IsZero() {
		return never
	}
	return at.Since.Add(-stage.Skew).Truncate(time.Second).Unix()
}

// scripts are the health of the kinds in Lua, for Argo CD, which has one script
// for all objects of a kind.
func scripts() []system.Script {
	list := []system.Script{{Group: apiGroup, Kind: replicationKind, Lua: replicationScript}, {Group: apiGroup, Kind: "ApigeeRouteConfig", Lua: routeScript}}
	for _, kind := range kindNames() {
		switch kind {
		case "ApigeeRouteConfig":
		case live.Kind:
			list = append(list, system.Script{Group: apiGroup, Kind: kind, Lua: datastoreScript})
		default:
			list = append(list, system.Script{Group: apiGroup, Kind: kind, Lua: stateScript})
		}
	}
	return list
}

// stateScript is for kinds whose status.state says it all.
const stateScript = `local state = (obj.status or {}).state
if state == "running" then return {status = "Healthy", message = "running"} end
return {status = "Progressing", message = "state is " .. tostring(state or "not known yet")}
`

// routeScript is for kinds of which no document says which states there are.
const routeScript = `for _, problem in ipairs((obj.status or {}).errors or {}) do
  return {status = "Degraded", message = tostring(problem)}
end
return {status = "Healthy"}
`

// replicationScript is what replicationHealth is for Flux.
const replicationScript = `local status = obj.status or {}
local generation = (obj.metadata or {}).generation
if (status.lastAppliedGeneration or generation) ~= generation then
  return {status = "Progressing", message = "the operator has not seen the last change yet"}
end
if status.state == "complete" then return {status = "Healthy", message = "complete"} end
if status.state == "error" then return {status = "Degraded", message = tostring(status.message or "error")} end
return {status = "Progressing", message = "state is " .. tostring(status.state or "not known yet")}
`

// datastoreScript is what stateHealth is for Flux; and on a datastore that says
// from when on a rebuild counts, what rebuildHealth is.
//
//nolint:dupword // two blocks may end together
const datastoreScript = `local status = obj.status or {}
local metadata = obj.metadata or {}
local function progressing(message) return {status = "Progressing", message = message} end

local after = tonumber((metadata.annotations or {})["ringplan.dev/rebuild-after"])
if after ~= nil then
  local rebuild = status.cassandraDataReplication or {}
  local details = rebuild.rebuildDetails or {}
  if (status.observedGeneration or metadata.generation) ~= metadata.generation then
    return progressing("the operator has not seen the last change yet")
  end
  if rebuild.state == "error" and (rebuild.updated or after) >= after then
    return {status = "Degraded", message = "the rebuild has failed"}
  end
  local listed, done = 0, 0
  for pod, detail in pairs(details) do
    listed = listed + 1
    local fresh = (detail.updated or after) >= after
    if detail.state == "error" and fresh then
      return {status = "Degraded", message = pod .. ": " .. tostring(detail.message or "error")}
    end
  end
  local cassandra = ((obj.spec or {}).components or {}).cassandra or {}
  local replicas = cassandra.replicas or (obj.spec or {}).replicas or 0
  for i = 0, replicas - 1 do
    local detail = details["apigee-cassandra-default-" .. i] or {}
    if detail.state == "complete" and (detail.updated or 0) >= after then done = done + 1 end
  end
  if rebuild.state ~= "complete" then
    return progressing("rebuild: state is " .. tostring(rebuild.state or "not known yet") .. ", " .. done .. " of " .. replicas .. " pods are done")
  end
  if (rebuild.updated or 0) < after then return progressing("rebuild: complete is left from an earlier one") end
  if replicas == 0 or done ~= replicas or listed ~= replicas then
    return progressing("rebuild: " .. done .. " of " .. replicas .. " pods are done, and " .. listed .. " are listed")
  end
  return {status = "Healthy", message = "rebuilt"}
end

if status.state ~= "running" then return progressing("state is " .. tostring(status.state or "not known yet")) end
if (status.lastAppliedGeneration or metadata.generation) ~= metadata.generation then
  return progressing("the operator has not applied the last change yet")
end
return {status = "Healthy", message = "running"}
`
