from cfslib.images import search


def test_the_usual_directories_come_first_and_each_once() -> None:
    path = search.path({b"PATH": b"/opt/bin:/usr/bin:/opt/bin:/home/me/bin"})

    assert path.decode() == f"{search.PATH}:/opt/bin:/home/me/bin"


def test_the_current_directory_does_not_count() -> None:
    for path in (b"", b":", b".:bin", b"./bin:"):
        assert search.path({b"PATH": path}).decode() == search.PATH
    assert search.path({}).decode() == search.PATH
