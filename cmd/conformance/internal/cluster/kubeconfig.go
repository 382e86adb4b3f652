package cluster

import (
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// KubeconfigText is a kubeconfig whose one context has the cluster's name.
func (c *Cluster) KubeconfigText() []byte {
	config := api.NewConfig()
	config.Clusters[c.Name] = &api.Cluster{Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos[c.Name] = &api.AuthInfo{Token: c.Config.BearerToken}
	config.Contexts[c.Name] = &api.Context{Cluster: c.Name, AuthInfo: c.Name}
	config.CurrentContext = c.Name
	text, err := clientcmd.Write(*config)
	if err != nil {
		panic(err) // strings only
	}
	return text
}

// Merged is a kubeconfig with a context for each of the clusters.
func Merged(names map[string]*Cluster) ([]byte, error) {
	config := api.NewConfig()
	for name, c := range names {
		config.Clusters[name] = &api.Cluster{Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData}
		config.AuthInfos[name] = &api.AuthInfo{Token: c.Config.BearerToken}
		config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	}
	return clientcmd.Write(*config)
}
