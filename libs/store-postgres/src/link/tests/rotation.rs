//! Passwords and authorities that are replaced while connections are open.

use std::fs;

use super::*;

#[tokio::test]
async fn a_new_password_is_taken_up_without_a_restart() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, format!("{}\n", Server::password("spike"))).unwrap();
    let url = server.url_with("spike", "");
    let link = Link::open(with(&server, &url).password_file(file.clone())).await.expect("open");
    let old = ask(&link, PROCESS).await.expect("answered");

    server.set_password("spike", "other-hunter2").await.unwrap();
    assert_eq!(ask(&link, PROCESS).await.expect("an open connection stays"), old);
    let (one, two) = (link.reader(soon()).await.expect("open"), link.reader(soon()).await);
    let error = two.err().expect("a new one isn't let in").to_string();
    assert!(error.contains("28P01") && !error.contains("hunter2"), "{error}");
    drop(one);

    // As the kubelet does it: another file takes the name.
    let fresh = folder.path().join("fresh");
    fs::write(&fresh, "other-hunter2\r\n").unwrap();
    fs::rename(&fresh, &file).unwrap();
    let new = recovered(&link, PROCESS).await;
    assert_ne!(new, old);
    write(&link, "SELECT 1", soon()).await.expect("written");
}

#[tokio::test]
async fn connections_with_the_old_password_go_once_the_file_has_a_new_one() {
    let server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), Server::password("spike")).unwrap();
    let url = server.url_with("spike", "");
    let options = with(&server, &url).password_file(file.path().to_owned());
    let link = Link::open(options).await.expect("open");
    let old = ask(&link, PROCESS).await.expect("answered");
    server.set_password("spike", "other").await.unwrap();
    fs::write(file.path(), "other").unwrap();
    let end = soon();
    while ask(&link, PROCESS).await.expect("without a failure") == old {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_new_authority_is_trusted_once_its_file_says_so() {
    let mut server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::copy(server.ca_file(), file.path()).unwrap();
    let options = Options::parse(&server.url("spike")).expect("right");
    let link = Link::open(options.ca_file(file.path().into())).await.expect("open");
    ask(&link, "SELECT 1").await.expect("answered");

    server.secure(&["localhost"]).unwrap();
    server.restart().await.unwrap();
    ask(&link, "SELECT 1").await.expect_err("stopped");
    let error = ask(&link, "SELECT 1").await.expect_err("not trusted").to_string();
    assert!(error.contains("no trusted authority"), "{error}");

    // A file that is being written is no reason to drop what is trusted.
    fs::write(file.path(), "").unwrap();
    ask(&link, "SELECT 1").await.expect_err("nothing to trust");
    fs::copy(server.ca_file(), file.path()).unwrap();
    recovered(&link, "SELECT 1").await;
}

/// The server knows the new password, we don't yet.
#[tokio::test]
async fn between_the_roles_new_password_and_the_file_the_open_connections_serve() {
    let server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), Server::password("spike")).unwrap();
    let options = with(&server, &server.url_with("spike", ""));
    let link = Link::open(options.password_file(file.path().to_owned())).await.expect("open");
    let process = ask(&link, PROCESS).await.expect("answered");
    server.set_password("spike", "other").await.unwrap();

    // One that can't be replaced is used on, however old it is.
    let long_ago = Instant::now().checked_sub(Duration::from_hours(2)).expect("it ran then");
    for member in &mut link.state().idle {
        member.born = long_ago;
    }
    assert_eq!(ask(&link, PROCESS).await.expect("not replaced"), process);
    for member in &mut link.state().idle {
        member.born = Instant::now();
    }

    // Growth is refused; who wanted it takes a turn on what there is.
    let one = link.reader(soon()).await.expect("open");
    let (two, ()) = tokio::join!(ask(&link, PROCESS), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        one.answered(Ok(Ok(()))).expect("given back");
    });
    assert_eq!(two.expect("served"), process);

    // Each in a hurry of its own, and none harms the others.
    let one = link.reader(soon()).await.expect("open");
    let error = link.reader(Instant::now()).await.err().expect("no time").to_string();
    assert!(error.contains("deadline"), "{error}");
    one.answered(Ok(Ok(()))).expect("given back");
    assert_eq!(ask(&link, PROCESS).await.expect("served"), process);

    fs::write(file.path(), "other").unwrap();
    let end = soon();
    while ask(&link, PROCESS).await.expect("without a failure") == process {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_a_right_one_is_taken_up_after_it() {
    let server = server().await;
    let password = tempfile::NamedTempFile::new().unwrap();
    let authorities = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), Server::password("spike")).unwrap();
    fs::copy(server.ca_file(), authorities.path()).unwrap();
    let options = Options::parse(&server.url_with("spike", "")).expect("right");
    let options = options.password_file(password.path().into()).ca_file(authorities.path().into());
    let link = Link::open(options).await.expect("open");
    let process = ask(&link, PROCESS).await.expect("answered");

    fs::write(password.path(), "hunt").unwrap();
    let end = soon();
    while link.state().refused.is_none() {
        assert_eq!(ask(&link, PROCESS).await.expect("unharmed"), process);
        assert!(Instant::now() < end, "nobody tried it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let one = link.reader(soon()).await.expect("open");
    ask(&link, PROCESS).await.expect("with what is known to work");
    drop(one);

    server.set_password("spike", "other").await.unwrap();
    fs::write(password.path(), "other").unwrap();
    while link.state().refused.is_some() {
        ask(&link, PROCESS).await.expect("without a failure");
        assert!(Instant::now() < end, "nobody took it up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(ask(&link, PROCESS).await.expect("answered"), process);
}

/// A pipe in the place of a file would hold up whoever needs a connection, once a second.
#[tokio::test]
async fn what_may_never_end_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long");
    fs::write(&long, vec![b'x'; 2 << 20]).unwrap();
    for (file, told) in [("/dev/zero".into(), "no regular file"), (long, "more than 1048576 bytes")]
    {
        let options = Options::parse("postgres://spike@localhost/spike").expect("right");
        let read = options.password_file(file);
        let read = timeout_at(soon(), Files::read(&read)).await.expect("an answer");
        let error = read.err().expect("refused").to_string();
        assert!(error.contains(told) && error.contains("PASSWORD_FILE"), "{error}");
    }
}
