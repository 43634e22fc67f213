# One image for web, workers and beat; docker-compose.yml sets the command.
FROM python:3.13.16-slim-trixie

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WEB_CONCURRENCY=2
WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY . .
# Neither step reaches a server or keeps any of these values.
RUN SECRET_KEY=only-while-building-0123456789-abcdefghijklmnopqrstuvwxyz \
    SITE_URL=https://www.example.org EMAIL_URL=smtp://localhost \
    DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost \
    MAIL_FROM=imagine@example.org MAIL_REPLY_TO=people@example.org MAIL_POSTAL_ADDRESS=Stockton \
    sh -c 'python manage.py catalogue --compile && python manage.py collectstatic --no-input \
           --ignore "bootstrap-*" --ignore "bootstrap.css*" --ignore "bootstrap.rtl*"'

# The code starts faster as bytecode, and no process of the container may write any.
RUN python -m compileall -q imagine partners summit

# The files came with the modes of the checkout, and a private one (umask 077) lets nobody else read them.
RUN chmod -R a+rX .
# A volume that is mounted there belongs to this user, too.
RUN useradd --system --no-create-home imagine && install -d -o imagine /var/lib/imagine
USER imagine
EXPOSE 8000
# Sync workers, one per core: the proxy in front deals with slow readers.
CMD ["gunicorn", "-c", "python:imagine.gunicorn", "imagine.wsgi", "--bind", "0.0.0.0:8000", "--no-control-socket", \
     "--worker-tmp-dir", "/dev/shm"]
