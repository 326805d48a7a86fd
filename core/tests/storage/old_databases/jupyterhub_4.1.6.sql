-- JupyterHub 4.1.6, made by make.py
-- token of ada: b532ce6dbe6f4c669822806a5e0e892e
-- token of bob: 6180db2d258c47549dd33e529089a4a3
-- token of bob, less: ee8f952e8b774bc999da3fc40afbdc81
-- token of cai: 3f33ea8bb0ba4ccabd04dc4591cb3014
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0eee8c825d24');
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
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:0c66b70bc9b232b4:1b0afa98c4f7dba74b7d010f2f2ceed6e8594f7b61e6581bab2e2dde936c4cf8d2e9f5fdedf62271164c00966e40bbfcc0703508b5f5fc57cfa8c3a62c442454','5e5e','jupyterhub',NULL,'2026-11-29 21:43:22.714793',NULL,NULL,'from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(1,NULL,2,'sha512:1:265e7ad2e02f3341:222d4376c198854d2010d0dc3bddb6f893de8b59b93d05243504adcbe1b8a80bd0abb089925cfe392a7481d61b4c6103457cbeced7c46dd87d32378a13a729a3','b532','jupyterhub',NULL,'2026-11-29 21:43:39.057271',NULL,'2026-11-29 21:43:42.628814','command-line generated','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,3,'sha512:1:c1c8fa19d4bbd1bb:964354e6833a4e357903f649382037b1effa26586831f595ad8d8696ae04e7d278e671082b8c2abacebc0d834fc18af570763037500e4075c8574da4ec6d1f5a','6180','jupyterhub',NULL,'2026-11-29 21:43:43.440701',NULL,NULL,'of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:503e9a258e1a936a:6e6ca8151f8cd979f4f3d9a0a3df0ca864c0d9a0c0a99087e8559ef5c13caf8db149597b56fc740cab5940acbd6225375082be773466b0573a676fbbb476626f','3f33','jupyterhub',NULL,'2026-11-29 21:43:43.491639',NULL,NULL,'of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,5,'sha512:1:e3b067d6a4537fa1:55292822cd4e0526d284333378aca92705be382e40cff62fef061b844d9a8a4fd90d443e0d9d66b0e47775b5bd89d936f97a6e1d4e227faca754ac207aeddc6b','ee8f','jupyterhub',NULL,'2026-11-29 21:43:43.537092',NULL,NULL,'less','["read:users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:21ca8f689b0f556d:2c1daaf949517642abf635f4163b86c5b450fcc626c13be88fe3dedb3fac75e0235d0ba66a149c1554ebdda165a267f39ba5736f2983a4f3c87c60ffdae35fcb','c900','jupyterhub',NULL,'2026-11-29 21:43:43.617425',NULL,NULL,'Server at /user/bob/','["users:activity!user", "access:servers!server=bob/"]');
INSERT INTO "api_tokens" VALUES(3,NULL,7,'sha512:1:edaa7cb25b48ce1c:b0dd31cef529ce4ded7eb3ecb7dea01b9da776b7b7ad2c1d493905f63c384903f5faaf1aff966c36c03afabca21fab12642dbcaf2cf852f8eae5d0be4eadb581','3dfd','jupyterhub',NULL,'2026-11-29 21:43:44.182494',NULL,NULL,'Server at /user/cai/lab/','["access:servers!server=cai/lab", "users:activity!user"]');
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
	properties TEXT, 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'class','{}');
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
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:6dbf7e6d2abcf0fe:c86dc8aa281ba1421c57edd64702a60c5c01521288ebd4b6ea41beee0e8896880ba8476757fcdd255b9ab680e21448a4b3675cfdc08c2a9812d3a30bc0b31374','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-cai-lab','Server at /user/cai/lab/','sha512:16384:8145c53449245e03:dfc77424ce5a51cc955d6ec696bfd81c8d7fb3c1a2a09d7cfb3822459a9c54b84ae3e9ffcf8f732d254aa51594447a5dc1c00253f8bda88455f9603a2a205317','/user/cai/lab/oauth_callback','["access:servers!server=cai/lab"]');
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
INSERT INTO "roles" VALUES(3,'server','Post activity only','["users:activity!user", "access:servers!server"]');
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
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',42721,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',58069,'/user/cai/lab/','cookie');
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
INSERT INTO "spawners" VALUES(1,2,1,'{"pid": 29223, "note": "kept for bob"}','','2026-11-29 21:43:43.711816','2026-11-29 21:43:43.711816','{"size": "big"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,1,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,'{"note": "kept for dee"}','',NULL,'2026-11-29 21:43:45.432674',NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,3,2,'{"pid": 29250, "note": "kept for cai"}','lab','2026-11-29 21:43:44.334202','2026-11-29 21:43:44.334202','{"size": "small"}','jupyterhub-user-cai-lab');
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
INSERT INTO "users" VALUES(1,'ada',1,'2026-11-29 21:43:22.474882','2026-11-29 21:43:42.628814','d1e151b191d44490994a8fc1f52b28f7',NULL,X'6741414141414272444A79507776636373777768612D71354D456E786F33654B6863324A6D756D7A7847456D65653350366975415838386B3178587850733844366E326945314177466249776961503358315539724A5A685A624E3457503270306446754775767236685457416578704D425A305230303D');
INSERT INTO "users" VALUES(2,'bob',0,'2026-11-29 21:43:22.787593','2026-11-29 21:43:43.711816','af7647712c8e4bd5b3af03e8900c9fe9','{}',X'6741414141414272444A794F586D727A575730624D31726E736F517975366369495F7833536C4956792D714637502D56597849777049425F4F3646586F55383631725238736C5F5757624455577674506E3651346D6739566E6E78467059414D4B424531644A2D5833445748457352657546653545766F3D');
INSERT INTO "users" VALUES(3,'cai',0,'2026-11-29 21:43:42.724011','2026-11-29 21:43:44.334202','6727691d660140aaa5319816c73fafb5','{}',X'6741414141414272444A794F5A574170502D79556E5477685F7A476775514D36526B4D4B6B56356F7A44766C613169614F533041574B324D6A516B39355A4B7177496F32506B716C77764A4C624A5870354F37383637765A45507259337356434772364132625A6A67394750764674325F63495050676F3D');
INSERT INTO "users" VALUES(4,'dee',0,'2026-11-29 21:43:42.940871','2026-11-29 21:43:45.432674','baf0f1b229774e15b22e6ba7d9218fa1','{}',X'6741414141414272444A7950723447776856466E41534948625A47662D4448524E45466366516A4E57506146684A695758526C7162504941344857517944415837514351653962494769716343454A4148484C6735495347594C5250794F467132784F6C47324F4B4E62674B623073434959366B3553303D');
INSERT INTO "users" VALUES(5,'eve',1,'2026-11-29 21:43:43.245794',NULL,'da33120a99ac41a395058195cefa300d',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
