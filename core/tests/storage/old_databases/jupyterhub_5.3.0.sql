-- JupyterHub 5.3.0, made by make.py
-- token of ada: 69c45497eb5f44b79b98abf309501b07
-- token of bob: c4929d3d292143a79dd29ed3bdac8fe4
-- token of bob, less: 79065fca64334d0f84cc4cbb6b95c951
-- token of cai: 67164ecdf73a4f7b911ca3bf2d640174
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('4621fec11365');
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
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:3d646ac481c5b163:398c534efdf6d3520c138b7e944d431f285ab591a483e473f88ad99f36c3c847a7585e631d956dd3dcf7fc1afbf1ba9e2c99cd12dd03aae2440c3a006975ce80','5e5e','jupyterhub',NULL,'2026-11-29 21:45:17.787745',NULL,NULL,'from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(1,NULL,2,'sha512:1:cb693b11270705b3:421ac7a6f1358cf1814040fa555259144f501a4f9a25099a6855906bd5095a61f811d3f0f579ff234d46691bfee2eb6973604fd217cb0af8377ea6d05a101314','69c4','jupyterhub',NULL,'2026-11-29 21:45:28.399723',NULL,'2026-11-29 21:45:31.324643','command-line generated','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,3,'sha512:1:0ce05ab99027de78:441bd1a0a24831844ef772619e94ac9217b9e2a338c10062c4c5919477963b6d3b125b7a6a3ad25f6accdcc003c9eab973286f752fa2b39866b33e73d20d2448','c492','jupyterhub',NULL,'2026-11-29 21:45:32.209553',NULL,'2026-11-29 21:45:34.784070','of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:3ad150a70f87a1e2:5eb326667cbb77dffddd3afe75e56e12abf402c27bf438fabd3258256f9261024c0f736a540f9e3fc85384d0023760ea4af02acf13a1caa24adea1d7b332c1c1','6716','jupyterhub',NULL,'2026-11-29 21:45:32.285256',NULL,NULL,'of a script','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,5,'sha512:1:18603f20c4e58a95:5b08a02687651811ea87ddb2d4947aed57cbc3392ed654e255a82c96e15d5702583ce52d2e06d469dc54a4a9adf6940f225eab3cb415b0018eb47c95e859396c','7906','jupyterhub',NULL,'2026-11-29 21:45:32.380941',NULL,NULL,'less','["read:users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:96129414dfc33fdf:57089d282713b377d5c4188283e658f7d4d3c0cfa2493559978608eb04cd55a6592c80820de914bcbfb99d78707c54411fe23e1ca8a18fdb8c48601a9b8fe565','08a6','jupyterhub',NULL,'2026-11-29 21:45:32.535604',NULL,NULL,'Server at /user/bob/','["users:activity!user", "access:servers!server=bob/"]');
INSERT INTO "api_tokens" VALUES(3,NULL,7,'sha512:1:ac3a6bc42289a3d9:0661416d8661461e568dd335e1f625d0005bad9bde1433951fdd6886df5831d7650f6b22e4b7090bd2d33e501a0101450d52d0aff677535e1eb48378739fc4e3','ee25','jupyterhub',NULL,'2026-11-29 21:45:33.194570',NULL,NULL,'Server at /user/cai/lab/','["users:activity!user", "access:servers!server=cai/lab"]');
CREATE TABLE group_role_map (
	group_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id), 
	CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "group_role_map" VALUES(1,4,0);
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
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:2f5ed20d65d389eb:f4fc383807000fb7dbeda003b3b4862a355b05deed8ec36ed4040b3b1ad82c179152ef81eb259c43dc6009ed5593cd3c8d8ce9cf4d5f03be356188c909900c1e','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-cai-lab','Server at /user/cai/lab/','sha512:16384:3e89b5d5f1f57e9c:c051e71fc03ff708d54f7fbb5f62d28a75206cc9d3a4c19f628a3113bdfcecb387d3f126f15355ed6b6490b3f8fd0e03c29f41520bc3fc5e22558ea3444651f3','/user/cai/lab/oauth_callback','["access:servers!server=cai/lab"]');
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
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_roles PRIMARY KEY (id), 
	CONSTRAINT uq_roles_name UNIQUE (name)
);
INSERT INTO "roles" VALUES(1,'admin','Elevated privileges (can do anything)','["admin-ui", "admin:users", "admin:servers", "admin:services", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics", "shares"]',0);
INSERT INTO "roles" VALUES(2,'server','Post activity only','["users:activity!user", "access:servers!server"]',0);
INSERT INTO "roles" VALUES(3,'token','Token with same permissions as its owner','["inherit"]',0);
INSERT INTO "roles" VALUES(4,'reporter',NULL,'["list:users", "read:users:activity"]',0);
INSERT INTO "roles" VALUES(5,'user','may share','["self", "shares!user", "read:groups:name", "read:users:name"]',0);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',59479,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',44657,'/user/cai/lab/','cookie');
CREATE TABLE service_role_map (
	service_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id), 
	CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "service_role_map" VALUES(1,4,0);
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	url VARCHAR(2047), 
	oauth_client_allowed_scopes TEXT, 
	info TEXT, 
	display BOOLEAN, 
	oauth_no_confirm BOOLEAN, 
	command TEXT, 
	cwd VARCHAR(4095), 
	environment TEXT, 
	user VARCHAR(255), 
	from_config BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_name UNIQUE (name), 
	CONSTRAINT fk_services__server_id_servers FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'report',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL);
CREATE TABLE share_codes (
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	exchange_count INTEGER, 
	last_exchanged_at DATETIME, 
	id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	scopes TEXT, 
	expires_at DATETIME, 
	owner_id INTEGER, 
	spawner_id INTEGER, 
	CONSTRAINT pk_share_codes PRIMARY KEY (id), 
	CONSTRAINT uq_share_codes_hashed UNIQUE (hashed), 
	CONSTRAINT fk_share_codes_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_share_codes_spawner_id_spawners FOREIGN KEY(spawner_id) REFERENCES spawners (id) ON DELETE CASCADE
);
CREATE TABLE shares (
	user_id INTEGER, 
	group_id INTEGER, 
	id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	scopes TEXT, 
	expires_at DATETIME, 
	owner_id INTEGER, 
	spawner_id INTEGER, 
	CONSTRAINT pk_shares PRIMARY KEY (id), 
	CONSTRAINT fk_shares_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_shares_spawner_id_spawners FOREIGN KEY(spawner_id) REFERENCES spawners (id) ON DELETE CASCADE
);
INSERT INTO "shares" VALUES(3,NULL,1,'2026-11-29 21:45:34.849784','["access:servers!server=bob/"]',NULL,2,1);
INSERT INTO "shares" VALUES(NULL,1,2,'2026-11-29 21:45:34.959374','["access:servers!server=bob/"]',NULL,2,1);
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
INSERT INTO "spawners" VALUES(1,2,1,'{"pid": 4269, "note": "kept for bob"}','','2026-11-29 21:45:32.700457','2026-11-29 21:45:32.700457','{"size": "big"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,1,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,'{"note": "kept for dee"}','',NULL,'2026-11-29 21:45:34.611806',NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,3,2,'{"pid": 4273, "note": "kept for cai"}','lab','2026-11-29 21:45:33.350674','2026-11-29 21:45:33.350674','{"size": "small"}','jupyterhub-user-cai-lab');
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
	managed_by_auth BOOLEAN NOT NULL, 
	CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id), 
	CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "user_role_map" VALUES(1,1,0);
INSERT INTO "user_role_map" VALUES(1,5,0);
INSERT INTO "user_role_map" VALUES(2,5,0);
INSERT INTO "user_role_map" VALUES(2,4,0);
INSERT INTO "user_role_map" VALUES(3,5,0);
INSERT INTO "user_role_map" VALUES(4,5,0);
INSERT INTO "user_role_map" VALUES(5,5,0);
INSERT INTO "user_role_map" VALUES(5,1,0);
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
INSERT INTO "users" VALUES(1,'ada',1,'2026-11-29 21:45:17.563888','2026-11-29 21:45:31.324643','f63146f74d704bc6b947fb07bd512f5b',NULL,X'6741414141414272444A7A372D5F794132696C426C594B5F535A42324F47436A79524B7950756679396970617275733138317531655344625F476D64303055476247496779367350636F5969616B75504D7261527538766743634471765F71376B757156776137584C444B7734376B75705A5A4B3436673D');
INSERT INTO "users" VALUES(2,'bob',0,'2026-11-29 21:45:17.877752','2026-11-29 21:45:32.700457','e16a45f526514cb6b87bb91cce03fa7b','{}',X'6741414141414272444A7A3764783643644677456E71702D43534942726339304C4F2D37666838744B4D5273382D6D7A34594737504A526A5F6148756F52516C48537558336D59383169775633527578554D4F5F354E33692D36733579367A5757566546784E4D5653326C6E4C67376A4D4153355632383D');
INSERT INTO "users" VALUES(3,'cai',0,'2026-11-29 21:45:31.396934','2026-11-29 21:45:33.350674','2c66e696777f419b895dc28eaa52a00a','{}',X'6741414141414272444A7A374678644F4668556C446765364B6F774675306F38516B44563933474277486C534E5F683641304B776473444859354D354A3477464B4B5F334B3171626E35365230717550724E73767877694F71344E505430705445426E71374B327464785A4B694A4531635332626575673D');
INSERT INTO "users" VALUES(4,'dee',0,'2026-11-29 21:45:31.578220','2026-11-29 21:45:34.611806','1471bd46c3b34fd1bd3b11f45873b241','{}',X'6741414141414272444A7A377158535F4267563676566F47714F55624133496D36384E6C5769725149535A67416875776B2D4A46636F4B6D4C5A496D753679767A474E39416E6C7668366539456E544E655F3168335579455051684D6F5259657545463472743745525932636D666433745A42337A51343D');
INSERT INTO "users" VALUES(5,'eve',1,'2026-11-29 21:45:31.935425',NULL,'b3e5ab06835b489c86f03e431fc70b0a',NULL,NULL);
CREATE INDEX ix_share_codes_prefix ON share_codes (prefix);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
