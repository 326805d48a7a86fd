-- JupyterHub 3.1.1, made by make.py
-- token of ada: 4aa57d4d034e4e4397fbc28c6326ac23
-- token of bob: 1e7d5f7d664b47da9fca86a42c958082
-- token of bob, less: db418e2ecc274aca89e05b2c275f5324
-- token of cai: 99bb3eeea51048ea9970cf735df69f31
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('651f5419b74d');
CREATE TABLE api_tokens (
	user_id INTEGER, 
	service_id INTEGER, 
	id INTEGER NOT NULL, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	client_id VARCHAR(255), 
	session_id VARCHAR(255), 
	created DATETIME, 
	expires_at DATETIME, 
	last_activity DATETIME, 
	note VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed), 
	CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:b33c4dd79d791083:d0ed532750902425f69f007c2598ac3dda7050328cf07078e2dc09a0edd403107e1bf22e8ecadbad236d1bcba8bd11243f9474e771e917417d919c380f9883f6','5e5e','jupyterhub',NULL,'2026-11-29 21:44:22.962391',NULL,NULL,'from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(1,NULL,2,'sha512:1:834dd64a30c06cfa:3d18294288dc11fb0a6021a77841808dcf08faa9a8f95f76aa438d5c32c6f597c020f1b85d39cb53620792ea8736c2cb30be0e524739f134268a1f38730495a0','4aa5','jupyterhub',NULL,'2026-11-29 21:44:31.922850',NULL,'2026-11-29 21:44:34.123044','command-line generated','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,3,'sha512:1:da8da3a12cfb6e11:d25bf583c0bc33264595c76bed4f60161e27fbd34b5f22907baf78a0906d66954108f2c5085c384ccd3edb954ef3c6432d64347085d642af5775c824edb0ba90','1e7d','jupyterhub',NULL,'2026-11-29 21:44:34.993776',NULL,NULL,'of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:758a696247da5970:7dc6dfbff991333bc247b3500cbaa60de11dfa6d7e36e06c8c7c621c1d96d39b92ecf635984a2feeedf346b4c1ec36e03b50e34d0f85a8dd8a0d5a668e06b98f','99bb','jupyterhub',NULL,'2026-11-29 21:44:35.027804',NULL,NULL,'of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,5,'sha512:1:2c5438fca16f6c1c:ce1eec3318641b40cbfe5925c981a3845ecd42823f53af8e3c30fd59c81b0f00ed0b0a17650a34b71359c457e350e841834c26fbb12993648813cb33e2a98d11','db41','jupyterhub',NULL,'2026-11-29 21:44:35.062731',NULL,NULL,'less','["read:users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:259bdaac7553bb91:04767f8237bbc6165fef53609c59b66e91b098b18b0bcf0f0277ee094e042346b453c6afefe4f8fd031c673617148640aee93957eee259e7805e44b665e9a09e','d42e','jupyterhub',NULL,'2026-11-29 21:44:35.137608',NULL,NULL,'Server at /user/bob/','["access:servers!user", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(3,NULL,7,'sha512:1:72dd7c7c41fe6245:b2a1c128607e3250268d85e443915515d28f747ace365ce8e2268147b1a025c1c03a5438a6aa8536d6b7014d2ecbb00d808b60d039cdb2efaa084245683f0484','84f0','jupyterhub',NULL,'2026-11-29 21:44:35.596187',NULL,NULL,'Server at /user/cai/lab/','["access:servers!user", "users:activity!user"]');
CREATE TABLE group_role_map (
	group_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id), 
	CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "group_role_map" VALUES(1,5);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'class');
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	allowed_scopes TEXT, 
	CONSTRAINT pk_oauth_clients PRIMARY KEY (id), 
	CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub','JupyterHub','','','[]');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:0feb73f14717379d:9f5c096dc8a6931ac35b055e61ac739f1ffa6ff61ecc8ffecd8e8e9bc7fab5ff2f2d5f304bab7201c7a33ed94b2663da15ff1fca0e532350139b98a3b9541db1','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-cai-lab','Server at /user/cai/lab/','sha512:16384:5b2f04d94958e547:7f2c06d5fd96597ff58ca41ab63f472d1f415ea95178cabd7487fbb0bc0b9bb248f62954db0c953f23580edec3535f2abf894d25026c22326d38f47feb81fddf','/user/cai/lab/oauth_callback','["access:servers!server=cai/lab"]');
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
	scopes TEXT, 
	CONSTRAINT pk_oauth_codes PRIMARY KEY (id), 
	CONSTRAINT fk_oauth_codes_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_codes_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE roles (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	description VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_roles PRIMARY KEY (id), 
	CONSTRAINT uq_roles_name UNIQUE (name)
);
INSERT INTO "roles" VALUES(1,'user','Standard user privileges','["self"]');
INSERT INTO "roles" VALUES(2,'admin','Elevated privileges (can do anything)','["admin-ui", "admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
INSERT INTO "roles" VALUES(3,'server','Post activity only','["users:activity!user", "access:servers!user"]');
INSERT INTO "roles" VALUES(4,'token','Token with same permissions as its owner','["inherit"]');
INSERT INTO "roles" VALUES(5,'reporter',NULL,'["list:users", "read:users:activity"]');
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',60075,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',52827,'/user/cai/lab/','cookie');
CREATE TABLE service_role_map (
	service_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id), 
	CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "service_role_map" VALUES(1,5);
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_name UNIQUE (name), 
	CONSTRAINT fk_services__server_id_servers FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'report',0,NULL,NULL,NULL);
CREATE TABLE spawners (
	id INTEGER NOT NULL, 
	user_id INTEGER, 
	server_id INTEGER, 
	state TEXT, 
	name VARCHAR(255), 
	started DATETIME, 
	last_activity DATETIME, 
	user_options TEXT, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_spawners PRIMARY KEY (id), 
	CONSTRAINT fk_spawners_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_spawners_server_id_servers FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_spawners_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,2,1,'{"pid": 407, "note": "kept for bob"}','','2026-11-29 21:44:35.210151','2026-11-29 21:44:35.210151','{"size": "big"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,1,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,'{"note": "kept for dee"}','',NULL,'2026-11-29 21:44:36.671176',NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,3,2,'{"pid": 486, "note": "kept for cai"}','lab','2026-11-29 21:44:35.734238','2026-11-29 21:44:35.734238','{"size": "small"}','jupyterhub-user-cai-lab');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_group_map PRIMARY KEY (user_id, group_id), 
	CONSTRAINT fk_user_group_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_group_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO "user_group_map" VALUES(2,1);
INSERT INTO "user_group_map" VALUES(3,1);
CREATE TABLE user_role_map (
	user_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id), 
	CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "user_role_map" VALUES(1,2);
INSERT INTO "user_role_map" VALUES(1,1);
INSERT INTO "user_role_map" VALUES(2,1);
INSERT INTO "user_role_map" VALUES(2,5);
INSERT INTO "user_role_map" VALUES(3,1);
INSERT INTO "user_role_map" VALUES(4,1);
INSERT INTO "user_role_map" VALUES(5,1);
INSERT INTO "user_role_map" VALUES(5,2);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	created DATETIME, 
	last_activity DATETIME, 
	cookie_id VARCHAR(255) NOT NULL, 
	state TEXT, 
	encrypted_auth_state BLOB, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name), 
	CONSTRAINT uq_users_cookie_id UNIQUE (cookie_id)
);
INSERT INTO "users" VALUES(1,'ada',1,'2026-11-29 21:44:22.756548','2026-11-29 21:44:34.123044','757274a84dc84a82ab09c7c6f7bfc700',NULL,X'6741414141414272444A7A43574E563072514A387967586D3351706873766F62377A74476978707A6C59437A5F77556F416D456673527651313731734C776A374B7662655679343770536F442D374A525F7A6759483179777A6234716E72353249765242354334504B434E43374B6350654978786476673D');
INSERT INTO "users" VALUES(2,'bob',0,'2026-11-29 21:44:23.008939','2026-11-29 21:44:35.210151','acb825e7914f48ff92b85cd65647e12d','{}',X'6741414141414272444A7A422D2D6778595758334C302D48655564502D67724D51646E47504C5F6F705F6A383850336A526C5349533255486268652D565338513671684D48334A31615A71636F6469623735786636554D5375343464666952707735584E636F7869486E59634E42444D7A3432563058303D');
INSERT INTO "users" VALUES(3,'cai',0,'2026-11-29 21:44:34.185121','2026-11-29 21:44:35.734238','e9e43685ba314fc0b969a406a6cefca2','{}',X'6741414141414272444A7A4363534D78615445414E535F7A656C73573457705F55306266796439704D6D4B49655A6545377634677353746B696457444430747A32676E6639626F61344F557A36446E56585F526645496A6B5652744E51674158656B4E475154494677324C38413435784A2D546679376B3D');
INSERT INTO "users" VALUES(4,'dee',0,'2026-11-29 21:44:34.419613','2026-11-29 21:44:36.671176','b7e7e5ae219145d787e0baa71ea070af','{}',X'6741414141414272444A7A43506D7A6F4650585F6E57314747494A634E744442654244684D467A31466A7641636F653474524B7A456E574B48646A494F4E706C536C52337833713659306874302D4C6A316A34416833306767574B676A6F344241394D417958664B7874324B4C50696F4E4F33573855553D');
INSERT INTO "users" VALUES(5,'eve',1,'2026-11-29 21:44:34.783775',NULL,'2ca24118cdc142299fc397db3e9acc23',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
