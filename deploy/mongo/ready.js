// MongoDB's health check, run by mongosh in its container: exits with 0 once the server takes writes and has its users.
//
// At the first start it makes the replica set of one, which transactions and change streams need, and then the users.
// While there are none, MongoDB allows both, from the same machine only. At each later start it gives the users of
// users.json the passwords of the secret files again, so a changed file counts after a restart. A renewed certificate
// counts at the next check.
const fs = require("fs");

const DONE = "/tmp/certificate-in-use"; // written once the users are ready; /tmp is empty at each start

function readSecret(name) {
  const text = fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();
  if (!text) throw new Error(`the secret file ${name} is empty`);
  return text;
}

function ensureUsers(admin, password) {
  try {
    admin.createUser({ user: "root", pwd: password, roles: ["root"] });
  } catch (error) {
    if (error.code !== 13) throw error; // 13 = Unauthorized: there are users already
  }
  admin.auth("root", password);
  for (const { user, secret, roles } of JSON.parse(fs.readFileSync("/leadsync/users.json", "utf8"))) {
    const wanted = { pwd: readSecret(secret), roles };
    if (admin.getUser(user)) admin.updateUser(user, wanted);
    else admin.createUser({ user, ...wanted });
  }
}

function keepUp() {
  const certificate = String(fs.statSync("/tls/tls.pem").mtimeMs);
  const inUse = fs.existsSync(DONE) ? fs.readFileSync(DONE, "utf8") : null;
  if (inUse === certificate) return;
  const admin = db.getSiblingDB("admin");
  const password = readSecret("mongo-root-password");
  if (inUse === null) {
    ensureUsers(admin, password);
  } else {
    admin.auth("root", password);
    admin.runCommand({ rotateCertificates: 1 });
  }
  fs.writeFileSync(DONE, certificate);
}

// A server that waits to become a replica set says so by this name.
if (db.hello().isreplicaset) rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] });
const takesWrites = db.hello().isWritablePrimary; // if it does not yet, the next check goes on
if (takesWrites) keepUp();
quit(takesWrites ? 0 : 1);
