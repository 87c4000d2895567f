package collector

// secured adds to the settings of one of Kafka's exporters what the brokers ask of clients.
func (c *Config) secured(exporter section) section {
	if t := c.Security.TLS; t.Enabled {
		exporter["tls"] = section{"enabled": true, "ca_file": t.CAFile, "cert_file": t.CertFile, "key_file": t.KeyFile, "server_name": t.ServerName}
	}
	if a := c.SASL; a.Mechanism != "" {
		exporter["sasl"] = section{"mechanism": a.Mechanism, "username": a.Username, "password": string(a.Password), "password_file": a.PasswordFile}
	}
	return exporter
}
