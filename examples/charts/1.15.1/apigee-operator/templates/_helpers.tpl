{{/* The release's namespace wins, unless it is Helm's own default. */}}
{{- define "apigee-operator.namespace" -}}
{{- if and .Values.namespace (eq .Release.Namespace "default") -}}
{{ .Values.namespace }}
{{- else -}}
{{ .Release.Namespace }}
{{- end -}}
{{- end }}

{{- define "apigee-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apigee-operator.image" -}}
{{- $tag := .of.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.hub -}}
{{ printf "%s/%s:%s" (trimSuffix "/" .root.Values.hub) (base .of.url) $tag }}
{{- else -}}
{{ printf "%s:%s" .of.url $tag }}
{{- end -}}
{{- end }}

{{/* What the chart cannot do without. */}}
{{- define "apigee-operator.validate" -}}
{{- if semverCompare "<3.10.0-0" .Capabilities.HelmVersion.Version -}}
{{- fail "Helm 3.10.0 or newer is needed" -}}
{{- end -}}
{{- if not .Values.org -}}
{{- fail "org is missing" -}}
{{- end -}}
{{- end }}
