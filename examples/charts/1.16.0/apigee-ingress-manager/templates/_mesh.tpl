{{/* The settings of the mesh, as a file; the Deployment restarts when they change. */}}
{{- define "apigee-ingress-manager.mesh" -}}
{{- with .Values.istiod -}}
accessLogFile: {{ .accessLogFile | quote }}
forwardClientCertDetails: {{ .forwardClientCertDetails }}
{{- with .healthCheckUserAgents }}
healthCheckUserAgents: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
gateways:
  {{- range .Values.ingressGateways }}
  - {{ required "ingressGateways[].name is missing" .name }}
  {{- else }}
  []
  {{- end }}
{{- end }}
