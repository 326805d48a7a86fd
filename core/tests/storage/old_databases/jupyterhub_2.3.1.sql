-- JupyterHub 2.3.1, made by make.py
-- token of ada: 08c726e9e5904a05b45a1154ccc869da
-- token of bob: 616a9a65ed424285a3e64ec40e161075
-- token of bob, less: 59b5c06992ab486caf075d9bc3918e2a
-- token of cai: 24c8a740c9c04ffd88c057c96c7f7282
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('833da8570507');
CREATE TABLE api_token_role_map (
	api_token_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_api_token_role_map PRIMARY KEY (api_token_id, role_id), 
	CONSTRAINT fk_api_token_role_map_api_token_id_api_tokens FOREIGN KEY(api_token_id) REFERENCES api_tokens (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_token_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "api_token_role_map" VALUES(1,4);
INSERT INTO "api_token_role_map" VALUES(2,4);
INSERT INTO "api_token_role_map" VALUES(3,4);
INSERT INTO "api_token_role_map" VALUES(4,4);
INSERT INTO "api_token_role_map" VALUES(5,5);
INSERT INTO "api_token_role_map" VALUES(6,3);
INSERT INTO "api_token_role_map" VALUES(7,3);
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
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed), 
	CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:cc44cd4daa0e1324:ae36dd6badeb5ed9bb8cfb98330be21d3b8eb382a19cc9860bd421b8fec1b487eafb763030bcaf0aaeedcf908c214954d855fe4219feda91ee4773268dcad1ef','5e5e','jupyterhub',NULL,'2026-11-29 21:42:59.977250',NULL,NULL,'from config');
INSERT INTO "api_tokens" VALUES(1,NULL,2,'sha512:1:9ef797e049866882:cc8a0e598efe52e81d1d720ff817d114ed507883d1d1e3a5d46e600e1ebdf8d78a6ec51e3db91c53150de653e2dc00dc77bdc109f1c3b23ff18d9105fdeeeeea','08c7','jupyterhub',NULL,'2026-11-29 21:43:04.549309',NULL,'2026-11-29 21:43:05.644067','command-line generated');
INSERT INTO "api_tokens" VALUES(2,NULL,3,'sha512:1:de45f41e2b373884:3727472638423ec846f911a47c57ecfad35272bf985201dcb606bd606f568118b99bd4f19069da4bbe1bd6050296b59dd1729b97b252008bbcc417ec79dd00d7','616a','jupyterhub',NULL,'2026-11-29 21:43:06.371120',NULL,NULL,'of a script');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:7bbfbc8a0fe31d31:a416f4ec4463156f4807c1e8da77480a61f660bbbe6ca119046cb2fa3b34b08350fb54941bf260944770ff5155d1d7f9f9a99c8eeac3a6095ad27b4c0233d7af','24c8','jupyterhub',NULL,'2026-11-29 21:43:06.434801',NULL,NULL,'of a script');
INSERT INTO "api_tokens" VALUES(2,NULL,5,'sha512:1:7d0e681d61981470:e2153bbc41423b1727185fde6dfd4da05a521bf67040cfaa88789408dd568bf829c7e436a4b6086dec5d67532bcd0dbec482df6c8c5cfbebaba59b3c791e333c','59b5','jupyterhub',NULL,'2026-11-29 21:43:06.487751',NULL,NULL,'less');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:fd9945ab18ffd26d:6444bfd7bb897ab1322bc17ec7252f56ea95fd3be7d2b26422ac3cdf7e217991e89f3d3f0c70f951e151db99fea434b69e0fae321fe44869b236c51280617566','23b0','jupyterhub',NULL,'2026-11-29 21:43:06.544240',NULL,NULL,'Server at /user/bob/');
INSERT INTO "api_tokens" VALUES(3,NULL,7,'sha512:1:fa74f8d06e4545e5:c9679192e9957b1786dcb1b9f4f7e8091c25859d5a7624993d4e90644b93a9864e4afaaf342353ac77f0e1661359d2f56ea639d035a7af0c9433628bf6e0d161','0909','jupyterhub',NULL,'2026-11-29 21:43:07.114593',NULL,NULL,'Server at /user/cai/lab/');
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
CREATE TABLE oauth_client_role_map (
	oauth_client_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_oauth_client_role_map PRIMARY KEY (oauth_client_id, role_id), 
	CONSTRAINT fk_oauth_client_role_map_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_client_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	CONSTRAINT pk_oauth_clients PRIMARY KEY (id), 
	CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub','JupyterHub','','');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:53595d9f4702e5eb:38bb3f998117cb76f058fde5ba9557994bd5692d1e16a548cb6d53c09f598a08e407feb7d0c7ec0cbe19c72bc59a62e6819e9073f8d5aea23f96d608b78b9914','/user/bob/oauth_callback');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-cai-lab','Server at /user/cai/lab/','sha512:16384:c7e2289a66cb3449:cea446e78ad348bc2a36acfbe4634c7cfbf212bd1f7a40491a8ce552983dd19ac8b541e72b21d022a7146360358ea5ecb313c8ba4ee3580a2520d89277d35b39','/user/cai/lab/oauth_callback');
CREATE TABLE oauth_code_role_map (
	oauth_code_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_oauth_code_role_map PRIMARY KEY (oauth_code_id, role_id), 
	CONSTRAINT fk_oauth_code_role_map_oauth_code_id_oauth_codes FOREIGN KEY(oauth_code_id) REFERENCES oauth_codes (id) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_code_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
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
INSERT INTO "roles" VALUES(2,'admin','Elevated privileges (can do anything)','["admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
INSERT INTO "roles" VALUES(3,'server','Post activity only','["users:activity!user", "access:servers!user"]');
INSERT INTO "roles" VALUES(4,'token','Token with same permissions as its owner','["inherit"]');
INSERT INTO "roles" VALUES(5,'reporter',NULL,'["read:users", "read:users:activity"]');
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',46319,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',33495,'/user/cai/lab/','cookie');
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
INSERT INTO "spawners" VALUES(1,2,1,'{"pid": 26182, "note": "kept for bob"}','','2026-11-29 21:43:06.681903','2026-11-29 21:43:06.681903','{"size": "big"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,1,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,'{"note": "kept for dee"}','',NULL,'2026-11-29 21:43:08.481572',NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,3,2,'{"pid": 26210, "note": "kept for cai"}','lab','2026-11-29 21:43:07.240250','2026-11-29 21:43:07.240250','{"size": "small"}','jupyterhub-user-cai-lab');
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
INSERT INTO "users" VALUES(1,'ada',1,'2026-11-29 21:42:59.783841','2026-11-29 21:43:05.644067','4da33eb5baf44ab68d44972e4df2d65c',NULL,X'6741414141414272444A78717A33303545657A543258476C6C53414E4F522D55656C4C47426C3945684949682D51596D4A716C724774675537784F54584A6F334E5861794B3279416539476E526858546F35704B53374C4358656C2D7464354E5453434C59747170454168375135317A5A624A616858493D');
INSERT INTO "users" VALUES(2,'bob',0,'2026-11-29 21:43:00.064649','2026-11-29 21:43:06.681903','c6e11ac19cbc4086b8e0254645abc707','{}',X'6741414141414272444A7870634D30613069485061587A354F766E4D724173434C51633433786A322D73445F53633336325A76506E365344565066643966627A3477766C71706B3762534D73566D46334C6D56316838476E4552643161654A2D446C666958474E3961475533566F396B645F6E744C4D6B3D');
INSERT INTO "users" VALUES(3,'cai',0,'2026-11-29 21:43:05.718351','2026-11-29 21:43:07.240250','743e7afad4f64273bb2cf8e7e3788973','{}',X'6741414141414272444A7870447671353764743167484B516B71674D4F365979716A3048536B7A4F6A695A746B65654132415448645554702D426132664258616554623767713774426D48523362417A4267514335767735434F30506F494451547665662D76587254482D364A5344552D4266315649343D');
INSERT INTO "users" VALUES(4,'dee',0,'2026-11-29 21:43:05.943517','2026-11-29 21:43:08.481572','17e1d005b3d44fd0bed5dac06dd3ec89','{}',X'6741414141414272444A78714D5A7732586A41535A4F6B6E7A513634566F7235784D35666135416C624A435067367835584C4E4F68774B366F45487973684334472D54744A6C314F384F5078736764475A784758625356372D707444776851715F786A64476368696269547078474548554C4B566963553D');
INSERT INTO "users" VALUES(5,'eve',1,'2026-11-29 21:43:06.213303',NULL,'c2a063d52fc14b6c8300c21a57767923',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
