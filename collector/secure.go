package collector

// secure adds to both of Kafka's exporters what the brokers ask of clients: to ours in our words, to contrib's in its own.
func (c *Config) secure(calls, payload section) error {
	if t := c.Security.TLS; t.Enabled {
		calls["tls"] = section{"enabled": true, "ca_file": t.CAFile, "cert_file": t.CertFile, "key_file": t.KeyFile, "server_name": t.ServerName}
		payload["tls"] = section{
			"ca_file": t.CAFile, "cert_file": t.CertFile, "key_file": t.KeyFile, "server_name_override": t.ServerName, "reload_interval": "1h",
		}
	}
	if a := c.SASL; a.Mechanism != "" {
		password, err := a.Secret()
		if err != nil {
			return err
		}
		calls["sasl"] = section{"mechanism": a.Mechanism, "username": a.Username, "password": string(a.Password), "password_file": a.PasswordFile}
		payload["auth"] = section{"sasl": section{"mechanism": a.Mechanism, "username": a.Username, "password": password}}
	}
	return nil
}
