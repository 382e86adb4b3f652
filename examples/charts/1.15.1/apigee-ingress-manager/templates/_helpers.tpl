{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-ingress-manager.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-ingress-manager.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-ingress-manager.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{- define "apigee-ingress-manager.nodeAffinity" -}}
{{- $match := dict "key" .pool.key "operator" "In" "values" (list (toString .pool.value)) -}}
{{- $term := dict "matchExpressions" (list $match) -}}
{{- if .root.Values.nodeSelector.requiredForScheduling -}}
{{- dict "nodeSelectorTerms" (list $term) | dict "requiredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- else -}}
{{- list (dict "weight" 100 "preference" $term) | dict "preferredDuringSchedulingIgnoredDuringExecution" | toYaml -}}
{{- end -}}
{{- end }}
